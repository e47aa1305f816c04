//! Errors of weight files and state dicts.

use std::fmt;
use std::path::PathBuf;

use mbn_files::FileKind;
use mbn_spec::MetadataError;
use mbn_spec::text::joined;
use safetensors::SafeTensorError;

use crate::beside::fields::BesideError;
use crate::lookalikes::Lookalike;
use crate::pickle::PickleError;
use crate::shard_error::ShardError;
use crate::shown::{escaped, quoted};

/// Tensors of a kind of problem that a message names before it counts the others.
const NAMED: usize = 3;

/// A weight file that cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
#[error("weight file `{}` cannot be {}", path.display(), kind.what_failed())]
pub struct WeightsError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub kind: WeightsErrorKind,
}

/// Weights with which no network can compute.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// A tensor has an infinity or a NaN.
    #[error("`{tensor}` holds {value}, expected finite numbers")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Its first value that is not finite.
        value: f32,
    },
    /// A running variance is negative, and stays so with batch norm's epsilon.
    #[error("`{tensor}` holds the negative variance {value}")]
    NegativeVariance {
        /// The tensor.
        tensor: String,
        /// Its first value that is negative.
        value: f32,
    },
}

/// Why a weight file cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It cannot be written.
    #[error(transparent)]
    Write(std::io::Error),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is too large to be a MobileNetV1.
    #[error("the file has {found} bytes, more than any MobileNetV1 (limit {limit})")]
    TooLarge {
        /// Bytes found.
        found: u64,
        /// The most bytes that are read.
        limit: u64,
    },
    /// It is a file of another kind.
    #[error("it is {0}, expected a safetensors file or a checkpoint of PyTorch 1.6 or newer")]
    OtherKind(FileKind),
    /// It is a PyTorch checkpoint that cannot be read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// It is the saved state of a training run, which holds several sets of weights and the optimiser's.
    #[error("it is the saved state of a training run, expected weights")]
    RunState,
    /// It is not safetensors, or is truncated.
    #[error("not a whole safetensors file: {0}")]
    Malformed(String),
    /// It holds more tensors than are read.
    #[error("it holds {found} tensors, expected at most {limit}: a MobileNetV1 and what stands beside it")]
    TooManyTensors {
        /// Tensors found.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// The name of a tensor is too long.
    #[error("a tensor in it has a name of {found} bytes, expected at most {limit}")]
    LongName {
        /// Bytes of the name.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Its metadata cannot be used. What it says of its values is theirs.
    #[error("{}", escaped(&.0.to_string()))]
    Metadata(MetadataError),
    /// It holds a network that is easily taken for a MobileNetV1.
    #[error(transparent)]
    Lookalike(#[from] Lookalike),
    /// It has every layer but the classifier.
    #[error("it has no classifier, only the layers before it")]
    NoClassifier,
    /// It is split into shards that cannot be used together.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// A file beside it that describes it cannot be used.
    #[error(transparent)]
    Beside(#[from] BesideError),
    /// Its tensors do not make a MobileNetV1.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
}

impl WeightsErrorKind {
    fn what_failed(&self) -> &'static str {
        match self {
            Self::Write(_) => "written",
            _ => "used",
        }
    }
}

impl From<MetadataError> for WeightsErrorKind {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl From<SafeTensorError> for WeightsErrorKind {
    fn from(error: SafeTensorError) -> Self {
        use SafeTensorError as E;
        Self::Malformed(match error {
            E::HeaderTooSmall => "it has fewer bytes than the length of a header takes".to_owned(),
            E::HeaderTooLarge => "its first eight bytes are not the length of a header".to_owned(),
            E::InvalidHeaderLength => "it ends within its header".to_owned(),
            E::InvalidHeader(_) | E::InvalidHeaderDeserialization(_) | E::JsonError(_) => {
                "its header is not the JSON that describes tensors".to_owned()
            }
            E::MetadataIncompleteBuffer => "its tensors do not end where the file ends".to_owned(),
            E::InvalidOffset(tensor) => {
                let tensor = quoted(&tensor);
                format!("the place of tensor {tensor} overlaps another or has a gap")
            }
            other => format!("its header contradicts itself ({other})"),
        })
    }
}

/// Tensors that do not match the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MismatchError {
    /// The network that was expected.
    pub expected: String,
    /// Every problem found.
    pub problems: Vec<Problem>,
}

/// What is wrong with a tensor, or with all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// There is no tensor of this name.
    Missing(String),
    /// The network has no tensor of this name.
    Unexpected(String),
    /// There is a network under each of these prefixes.
    Several {
        /// A prefix; empty if there is none.
        one: String,
        /// Another prefix.
        other: String,
        /// The key of the checkpoint that both are under, as a message shows it; `None` for its top, and for other files.
        key: Option<String>,
    },
    /// The layers before the classifier are whole: what is wrong is about the classifier alone.
    Backbone(Backbone),
    /// A sentence about a tensor or about the whole.
    Other(String),
}

/// What a network lacks that is whole but for the classifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backbone {
    /// Values that the classifier takes: its matrix is `[classes, features]`.
    pub features: usize,
    /// Whether the file has a classifier under the usual names, beside other tensors.
    pub has_classifier: bool,
    /// Whether training can start from it, with a new classifier.
    pub can_start: bool,
    /// What the file's library calls the classifier's matrix.
    pub weight: String,
    /// What it calls its bias.
    pub bias: String,
}

impl std::error::Error for MismatchError {}

impl fmt::Display for MismatchError {
    /// One sentence: it names the first tensors of each kind of problem and counts the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut missing, mut unexpected, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for problem in &self.problems {
            match problem {
                Problem::Missing(name) => missing.push(name),
                Problem::Unexpected(name) => unexpected.push(name),
                Problem::Several { one, other, .. } => {
                    let (one, other) = (place(one), place(other));
                    parts.push(format!("the file holds one {one} and one {other}"));
                }
                Problem::Backbone(_) => parts.push("the layers before the classifier are whole".to_owned()),
                Problem::Other(text) => parts.push(text.clone()),
            }
        }
        let more = parts.len().saturating_sub(NAMED);
        parts.truncate(NAMED);
        if more > 0 {
            parts.push(format!("{more} more have another shape or type"));
        }
        if let Some(names) = names(&missing) {
            parts.push(format!("{names} missing"));
        }
        if let Some(names) = names(&unexpected) {
            parts.push(format!("{names} not part of the network"));
        }
        write!(
            f,
            "its tensors do not match {}: {}",
            self.expected,
            parts.join("; ")
        )
    }
}

/// Where a network is in a file.
fn place(prefix: &str) -> String {
    match prefix {
        "" => "without a prefix".to_owned(),
        prefix => format!("under {}", quoted(prefix)),
    }
}

/// The first names and the number of others, with the verb: `` `a`, `b` and 4 more are``.
fn names(names: &[&String]) -> Option<String> {
    // One more name takes no more room than its number.
    let shown = if names.len() == NAMED + 1 {
        NAMED + 1
    } else {
        NAMED
    };
    let mut parts: Vec<_> = names.iter().take(shown).map(|name| quoted(name)).collect();
    if names.len() > shown {
        parts.push(format!("{} more", names.len() - shown));
    }
    let verb = if names.len() == 1 { "is" } else { "are" };
    (!names.is_empty()).then(|| format!("{} {verb}", joined(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_is_one_sentence_however_many_tensors_differ() {
        let problems = |missing: usize, unexpected: usize| {
            let missing = (0..missing).map(|i| Problem::Missing(format!("m{i}")));
            let unexpected = (0..unexpected).map(|i| Problem::Unexpected(format!("u{i}")));
            let problems = missing.chain(unexpected).collect();
            let expected = "a network".to_owned();
            MismatchError { expected, problems }.to_string()
        };
        let start = "its tensors do not match a network: ";
        for (missing, unexpected, expected) in [
            (1, 0, "`m0` is missing"),
            (2, 1, "`m0` and `m1` are missing; `u0` is not part of the network"),
            (4, 0, "`m0`, `m1`, `m2` and `m3` are missing"),
            (137, 0, "`m0`, `m1`, `m2` and 134 more are missing"),
        ] {
            assert_eq!(problems(missing, unexpected), format!("{start}{expected}"));
        }
    }
}
