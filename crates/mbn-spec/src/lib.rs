//! What a MobileNetV1 is, as plain data: the block table, the width multiplier, preprocessing, counts,
//! and the weight files that hold one.
//!
//! Everything else in the workspace (the candle network, the ONNX graph, the layer table) is derived from
//! [`Architecture`], so the three cannot drift apart.

mod alpha;
mod architecture;
pub mod atomic;
mod folded;
mod keras;
mod metadata;
mod preprocess;
mod published;
mod summary;
mod weights;
pub mod whole_file;

pub use alpha::{Alpha, ParseAlphaError};
pub use architecture::{
    Activation, Architecture, BLOCKS, ConvLayer, LayerKind, Padding, Stride2Padding, TensorKind, TensorSpec,
    Variant,
};
pub use folded::{Folded, FoldedConv};
pub use metadata::{ARCHITECTURE, Metadata, MetadataError, Training, default_class_names};
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, Preprocess, PreprocessError, Resize};
pub use published::{MODELS, is_weight_file, published_weights};
pub use summary::{LayerSummary, Summary};
pub use weights::{MismatchError, Weights, WeightsError, WeightsErrorKind};
