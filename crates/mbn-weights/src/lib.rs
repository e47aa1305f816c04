//! MobileNetV1 weight files: the state dict, its metadata in the file and its hash, and the names that other
//! libraries use for the same tensors.
//!
//! [`Weights::load`] reads a file of any family in [`families`]; [`Weights::save`] writes PyTorch's names. A new family
//! is a file in `families/` and an entry in the list there.

mod error;
pub mod families;
mod family;
mod file;
mod folded;
mod hash;
mod published;
#[cfg(test)]
mod sample;
mod state_dict;

pub use error::{MismatchError, WeightsError, WeightsErrorKind};
pub use file::MAX_FILE_BYTES;
pub use folded::{Folded, FoldedConv};
pub use published::{MODELS, is_weight_file, published_weights};
pub use state_dict::Weights;
