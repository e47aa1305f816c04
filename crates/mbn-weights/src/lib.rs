//! MobileNetV1 weight files: the state dict, its metadata in the file and its hash, and the names that other
//! libraries use for the same tensors.
//!
//! [`WeightFile::load`] reads a file of any family in [`families`], and says what it had to even out; [`Weights::load`]
//! gives the weights alone. [`Weights::save`] writes PyTorch's names. A new family is a file in `families/` and an entry in
//! the list there; `beside/` reads what its library writes beside the weights, and `lookalikes` names the networks that only
//! look like this one.

mod adaptation;
mod beside;
mod checkpoint;
mod contents;
mod error;
pub mod families;
mod family;
mod file;
mod folded;
mod hash;
mod located;
mod lookalikes;
mod opened;
pub mod pickle;
mod published;
mod quantized;
#[cfg(test)]
mod sample;
mod shard_error;
mod shards;
mod shown;
mod state_dict;
mod stray;
mod values;
mod views;

pub use adaptation::Adaptation;
pub use beside::fields::BesideError;
pub use beside::model::{
    FromFile, REGRESSION, StatedPreprocess, is_multi_label, is_regression, model_classes, model_preprocess,
};
pub use contents::{Head, Source, Taken, WeightFile};
pub use error::{Backbone, MismatchError, Problem, ValueError, WeightsError, WeightsErrorKind};
pub use folded::{Folded, FoldedConv};
pub use lookalikes::Lookalike;
pub use opened::MAX_FILE_BYTES;
pub use published::{BEST_OF_RUN, LAST_OF_RUN, MODELS, is_weight_file, published_weights, weight_file_kind};
pub use quantized::{
    ByteLayer, ByteScale, Quantized, QuantizedError, QuantizedLayer, keeps_bytes, without_lonely,
};
pub use shard_error::ShardError;
pub use shards::is_shard_index;
pub use state_dict::Weights;
