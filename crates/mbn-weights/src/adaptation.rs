//! In what a weight file differs from the files that this library writes.

use std::fmt;

use mbn_spec::text::{counted, joined, listed};

use crate::pickle::Unread;
use crate::shown::quoted;

/// Names that a message lists before it counts the others.
const NAMED: usize = 3;

/// A difference that reading a file evened out, for a message to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adaptation {
    /// All names begin with this, which was left out.
    Prefix(String),
    /// Single numbers that are no weights were left out.
    LeftOut(Vec<String>),
    /// Tensors beside those under the prefix, such as a loss's, were left out.
    Outside(Vec<String>),
    /// Tensors that have not the names of the classifier were taken as it, or its matrix without a bias.
    Classifier {
        /// Their names.
        names: Vec<String>,
        /// Whether there is a bias; zeros are taken for one that is missing.
        has_bias: bool,
    },
    /// Tensors of another head than a classifier of one matrix were left out, for a network that gets a new one.
    HeadLeftOut(Vec<String>),
    /// Layers whose wrapper is named within these names of tensors, which was left out.
    Unwrapped(Vec<&'static str>),
    /// The configuration beside it names another number of classes, and its names were not used.
    OtherClasses {
        /// The field that has the names.
        field: &'static str,
        /// How many there are.
        names: usize,
        /// How many classes the classifier has.
        classes: usize,
    },
    /// Tensors of these types were taken as float32.
    Converted(Vec<String>),
    /// The weights are those under a key of the checkpoint.
    Chosen {
        /// The key; `None` for the checkpoint itself.
        key: Option<String>,
        /// Keys of other weights in the checkpoint, which were left out.
        others: Vec<String>,
    },
    /// A key of the checkpoint that goes before the one that was taken holds weights in a form that is not read.
    Unread(Unread),
    /// State dicts of the checkpoint that have all parameters of a network and not its statistics were passed over.
    PassedOver {
        /// Their keys, which otherwise go before the one that was taken.
        passed: Vec<String>,
        /// The key of the weights that were taken; `None` for the checkpoint itself.
        key: Option<String>,
    },
    /// The tensors are those of these shards, which their index names.
    Shards(Vec<String>),
    /// Entries of its metadata that have the names of ours and are another program's, as messages; they were not used.
    ForeignMetadata(Vec<String>),
    /// What cannot be followed of the training script's arguments, which the checkpoint keeps, as messages.
    UnusedArguments(Vec<String>),
    /// The configuration beside it describes this other network, and was not used.
    OtherConfig(String),
    /// The configuration beside it says that several classes may be right at once.
    MultiLabel,
    /// The preprocessing beside it is of this unknown type, and read as most types are.
    UnknownProcessor(String),
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => {
                let prefix = quoted(prefix);
                write!(f, "the names of its tensors are taken without {prefix}")
            }
            Self::LeftOut(names) => {
                let named = listed(names.iter().map(|name| quoted(name)), NAMED);
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(f, "{named} {verb} left out, not being weights")
            }
            Self::Outside(names) => {
                let named = listed(names.iter().map(|name| quoted(name)), NAMED);
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(f, "{named} {verb} left out, standing beside the network")
            }
            Self::Classifier { names, has_bias } => {
                let verb = if names.len() == 1 { "is" } else { "are" };
                let named = joined(names.iter().map(|name| quoted(name)));
                write!(f, "{named} {verb} taken as the classifier")?;
                match has_bias {
                    true => Ok(()),
                    false => f.write_str(", with zeros for the bias, which the file lacks"),
                }
            }
            Self::HeadLeftOut(names) => {
                let named = listed(names.iter().map(|name| quoted(name)), NAMED);
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(f, "{named} {verb} left out, being part of another head")
            }
            Self::Unwrapped(wrappers) => {
                let wrappers = joined(wrappers.iter().map(|wrapper| format!("`{wrapper}`")));
                write!(f, "the names of its tensors are taken without {wrappers} within them")
            }
            Self::OtherClasses { field, names, classes } => write!(
                f,
                "the `config.json` beside it names {} in `{field}`, the classifier has {classes}; these names are not used",
                counted(*names, "class")
            ),
            Self::OtherConfig(model) => {
                write!(
                    f,
                    "the `config.json` beside it describes {} and is not used",
                    quoted(model)
                )
            }
            Self::UnusedArguments(arguments) => {
                write!(
                    f,
                    "not all arguments of its training script are used: {}",
                    arguments.join("; ")
                )
            }
            Self::MultiLabel => f.write_str(
                "the `config.json` beside it says that several classes may be right at once: a probability is the sigmoid of its logit",
            ),
            Self::UnknownProcessor(name) => write!(
                f,
                "the preprocessor's configuration beside it names the unknown type {} and is read as most types are",
                quoted(name)
            ),
            Self::ForeignMetadata(entries) => write!(
                f,
                "another program's metadata is not used: {}",
                entries.join("; ")
            ),
            Self::Converted(types) => write!(f, "its {} tensors are converted to F32", joined(types)),
            Self::Unread(Unread { key, object }) => match object {
                Some(object) => write!(f, "its `{key}` is {object}, and is not read"),
                None => write!(f, "its `{key}` holds tensors deeper inside, and is not read"),
            },
            Self::PassedOver { passed, key } => {
                let verb = if passed.len() == 1 { "lacks" } else { "lack" };
                let passed = joined(passed.iter().map(|key| format!("`{key}`")));
                write!(
                    f,
                    "its {passed} {verb} the running means and variances of batch norm, as an average of parameters alone does; \
                     the weights are "
                )?;
                match key {
                    Some(key) => write!(f, "its `{key}`"),
                    None => f.write_str("the tensors at its top"),
                }
            }
            Self::Shards(shards) => {
                let shards = listed(shards.iter().map(|shard| format!("`{shard}`")), NAMED);
                write!(f, "its tensors are those of {shards}")
            }
            Self::Chosen { key, others } => {
                match key {
                    Some(key) => write!(f, "the weights are its `{key}`")?,
                    None => f.write_str("the weights are the tensors at its top")?,
                }
                match others.is_empty() {
                    true => Ok(()),
                    false => {
                        let others = listed(others.iter().map(|key| format!("`{key}`")), NAMED);
                        write!(f, "; the others, {others}, are left out")
                    }
                }
            }
        }
    }
}
