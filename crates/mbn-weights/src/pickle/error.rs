//! What can be wrong with a checkpoint.

use mbn_spec::text::listed;

/// Keys that a message lists before it counts the others.
const NAMED: usize = 6;

/// A PyTorch checkpoint that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The zip is none of PyTorch's.
    #[error("the zip archive has no `NAME/data.pkl`, expected a PyTorch checkpoint")]
    NotCheckpoint,
    /// The zip is broken.
    #[error("its zip archive cannot be read, as if it were incomplete: {0}")]
    Zip(String),
    /// The zip holds too many files.
    #[error("its zip archive holds {found} files, expected at most {limit}")]
    TooManyEntries {
        /// Files found.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Two files of the zip have the same name or share bytes.
    #[error("two files of its zip archive have the same name or overlap")]
    Overlap,
    /// A file of the zip is compressed or encrypted.
    #[error("`{0}` in its zip archive is compressed or encrypted, expected it stored as PyTorch does")]
    Compressed(String),
    /// A file of the zip is damaged.
    #[error("`{0}` in its zip archive is damaged: its checksum is wrong")]
    Checksum(String),
    /// A program for TorchScript, with its weights.
    #[error("it is a TorchScript program, expected a state dict")]
    TorchScript,
    /// The tensors were saved on a big-endian machine.
    #[error("its tensors have the byte order `{0}`, expected `little`")]
    ByteOrder(String),
    /// The pickle is too large.
    #[error("its pickle has {found} bytes, expected at most {limit}")]
    TooLarge {
        /// Bytes found.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// The pickle ends early, or a length in it is false.
    #[error("its pickle ends within the instruction at byte {0}")]
    Truncated(usize),
    /// An instruction that PyTorch's pickles do not have.
    #[error("its pickle has the unknown instruction {code:#04x} at byte {at}")]
    Opcode {
        /// The instruction.
        code: u8,
        /// Its place.
        at: usize,
    },
    /// An instruction that does not fit what was before it.
    #[error("its pickle makes no sense at byte {at}: {problem}")]
    Senseless {
        /// The instruction's place.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The pickle makes too many values.
    #[error("its pickle makes more than {0} values")]
    TooManyValues(usize),
    /// The checkpoint is something other than a dictionary.
    #[error("it holds {0}, expected a state dict")]
    NotDictionary(String),
    /// The checkpoint is a dictionary without tensors, with these keys as a message shows them.
    #[error("it holds no state dict{}", keys(.0))]
    NoStateDict(Vec<String>),
    /// The checkpoint has several state dicts, none under a usual name, with these keys as a message shows them.
    #[error("it holds several state dicts{}; expected one, or one called `state_dict`", keys(.0))]
    SeveralStateDicts(Vec<String>),
    /// The state dict has too many entries.
    #[error("its state dict has more than {0} entries, the most that are read")]
    TooManyTensors(usize),
    /// The name of a tensor is too long.
    #[error("its state dict has a name of {found} bytes, expected at most {limit}")]
    LongName {
        /// Bytes of the name.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// An entry of the state dict is no tensor that is read.
    #[error("`{name}` of its state dict is {found}, expected a dense tensor")]
    NotTensor {
        /// The entry's key.
        name: String,
        /// What it is.
        found: String,
    },
    /// A tensor of the state dict is a view that changes the elements of its storage, such as their sign.
    #[error(
        "the tensor `{name}` of its state dict is saved with {}, which is not read; expected plain values, as \
         `tensor.resolve_neg()` gives them",
        quoted(flags)
    )]
    Flagged {
        /// The tensor's name.
        name: String,
        /// Names of what is set.
        flags: Vec<String>,
    },
    /// A tensor of the state dict contradicts itself or its storage.
    #[error("the tensor `{name}` of its state dict {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

fn quoted(flags: &[String]) -> String {
    let flags = flags.iter().map(|flag| format!("`{flag}`"));
    listed(flags, NAMED)
}

fn keys(keys: &[String]) -> String {
    match keys.is_empty() {
        true => String::new(),
        false => format!(" (its keys: {})", listed(keys, NAMED)),
    }
}
