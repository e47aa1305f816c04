//! Reads PyTorch checkpoints (`.pth`, `.pt`, `.bin`): zips of a pickle and the tensors' bytes, as `torch.save` writes since
//! PyTorch 1.6.
//!
//! A pickle is a program for Python's unpickler, which may call anything. Nothing is called here. Calls are kept as plain
//! data; only once a state dict is chosen are its entries looked at, and those that are not made by one of these names,
//! which is the whole list, are errors:
//!
//! - `collections.OrderedDict`
//! - `torch._utils._rebuild_tensor_v2`, `torch._utils._rebuild_parameter`
//! - `torch.DoubleStorage`, `FloatStorage`, `HalfStorage`, `BFloat16Storage`, `LongStorage`, `IntStorage`, `ShortStorage`,
//!   `CharStorage`, `ByteStorage`, `BoolStorage`
//!
//! What stands beside a state dict, such as an optimiser or NumPy scalars, may be made by any name. It stays data that nobody
//! reads. Of `args`, a dictionary or an `argparse.Namespace`, the plain values come back as such.
//!
//! Time and memory are bounded by the size of the file, and by the constants of this module: no step recurses, each opcode
//! adds at most one value, values are shared and never copied, and the bytes of all tensors together may not exceed the
//! file's.

mod archive;
mod arguments;
mod choice;
mod error;
mod machine;
mod tensors;
mod unread;
mod values;

use std::collections::BTreeMap;

use mbn_files::FileKind;
use safetensors::Dtype;
use serde_json::{Map, Value};

use archive::Archive;
pub use choice::{INNER_KEYS, KEYS};
pub use error::PickleError;
use tensors::Gather;
pub use unread::Unread;

use crate::shown::shortened;

/// The largest pickle that is read. It holds names and shapes, no weights: a MobileNetV1's has 20 kB.
const MAX_PICKLE_BYTES: usize = 8 << 20;

/// The most values that a pickle may make, keep on its stack, or number for later use.
const MAX_VALUES: usize = 1 << 19;

/// The most files in the zip, one for each tensor of the checkpoint.
const MAX_ENTRIES: usize = 1 << 14;

/// The most tensors of a state dict. A MobileNetV1 has fewer than 200, what stands beside it any number: the network is looked for
/// among the names of all.
pub(crate) const MAX_TENSORS: usize = 1 << 16;

/// The longest name of a tensor, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// The most dimensions of a tensor.
const MAX_DIMS: usize = 8;

/// The state dict of a checkpoint. The keys are as a message shows them, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// The key of the checkpoint that they were taken from, `ema`, or that and the key in its dictionary, `ema.module`; `None` if the
    /// checkpoint is the state dict itself.
    pub key: Option<String>,
    /// The one of [`KEYS`] that they were found by.
    pub known: Option<&'static str>,
    /// Keys of other state dicts in the checkpoint.
    pub others: Vec<String>,
    /// The ones of [`KEYS`] before its own that hold weights in a form that is not read.
    pub unread: Vec<Unread>,
    /// Names of entries of the state dict that are plain data and no tensors.
    pub left_out: Vec<String>,
    /// The arguments that the training script kept in the checkpoint's `args`; empty if it did not.
    pub arguments: Map<String, Value>,
}

/// A tensor, contiguous and row-major whatever its strides were.
#[derive(Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements in little endian.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

/// Whether a file of this kind may be a checkpoint that [`read`] reads. A zip whose first file does not tell is opened.
pub(crate) fn is_readable(kind: FileKind) -> bool {
    matches!(kind, FileKind::PytorchZip | FileKind::Zip)
}

/// Reads the state dict of a checkpoint. If it holds several, the first of [`KEYS`] is taken, a moving average before others, unless
/// another has more than twice as many tensors, else the only other one, or the checkpoint itself. A dictionary under one of these
/// keys may hold the state dict under one of [`INNER_KEYS`].
///
/// # Errors
/// [`PickleError`] for anything other than a whole checkpoint with a state dict.
pub fn read(file: &[u8]) -> Result<Checkpoint, PickleError> {
    read_after(file, &[])
}

/// As [`read`], of what is left without the keys `passed`, which are among the others then.
pub(crate) fn read_after(file: &[u8], passed: &[&str]) -> Result<Checkpoint, PickleError> {
    let archive = Archive::open(file)?;
    let (values, root) = machine::run(archive.pickle)?;
    let choice = choice::choose(&values, root, passed)?;
    let mut gather = Gather::new(&values, &archive, file.len());
    let (mut tensors, mut left_out) = (BTreeMap::new(), Vec::new());
    for (name, value) in choice.entries {
        match gather.tensor(name, value)? {
            Some(tensor) => drop(tensors.insert(name.to_owned(), tensor)),
            None => left_out.push(name.to_owned()),
        }
    }
    Ok(Checkpoint {
        tensors,
        key: choice.key.as_deref().map(shortened),
        known: choice.known,
        others: choice.others.iter().map(|key| shortened(key)).collect(),
        unread: choice.unread,
        left_out,
        arguments: arguments::read(&values, root),
    })
}
