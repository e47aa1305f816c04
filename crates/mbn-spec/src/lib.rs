//! What a MobileNetV1 is, as plain data: the block table, the width multiplier, preprocessing, metadata and counts.
//!
//! Everything else in the workspace (the candle network, the ONNX graph, the layer table) is derived from
//! [`Architecture`], so the three cannot drift apart. This crate opens no file.

mod alpha;
mod architecture;
mod metadata;
mod preprocess;
mod summary;

pub use alpha::{Alpha, ParseAlphaError};
pub use architecture::{
    Activation, Architecture, BLOCKS, ConvLayer, LayerKind, NormTensor, Padding, STEM_CHANNELS,
    Stride2Padding, TensorKind, TensorRole, TensorSpec, Variant,
};
pub use metadata::{ARCHITECTURE, Metadata, MetadataError, Training, default_class_names};
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, Preprocess, PreprocessError, Resize};
pub use summary::{LayerSummary, Summary};
