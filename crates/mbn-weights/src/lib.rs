//! MobileNetV1 weight files: the state dict, its metadata in the file and its hash, and the names that other
//! libraries use for the same tensors.
//!
//! [`WeightFile::load`] reads a file of any family in [`families`], and says what it had to even out; [`Weights::load`]
//! gives the weights alone. [`Weights::save`] writes PyTorch's names. A new family is a file in `families/` and an entry in
//! the list there.

mod adaptation;
mod error;
pub mod families;
mod family;
mod file;
mod folded;
mod hash;
mod located;
pub mod pickle;
mod published;
#[cfg(test)]
mod sample;
mod state_dict;
mod values;

pub use adaptation::Adaptation;
pub use error::{MismatchError, Problem, WeightsError, WeightsErrorKind};
pub use file::{MAX_FILE_BYTES, WeightFile};
pub use folded::{Folded, FoldedConv};
pub use published::{BEST_OF_RUN, LAST_OF_RUN, MODELS, is_weight_file, published_weights};
pub use state_dict::Weights;
