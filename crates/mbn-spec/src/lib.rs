//! What a MobileNetV1 is, as plain data: the block table, the width multiplier, preprocessing, metadata and counts.
//!
//! The candle network, the ONNX graph and the layer table all derive from [`Architecture`], so they cannot drift apart.
//! This crate opens no file.

mod alpha;
mod architecture;
pub mod class_names;
mod layer;
mod layer_set;
mod metadata;
mod names;
mod preprocess;
mod quantization;
mod summary;
mod tensor;
pub mod text;
mod variant;

pub use alpha::{Alpha, ParseAlphaError};
pub use architecture::{Architecture, BLOCKS, STEM_CHANNELS};
pub use layer::{ConvLayer, LayerKind, Padding};
pub use layer_set::{CLASSIFIER, LayerNameError, LayerSet};
pub use metadata::{
    ARCHITECTURE, Distilled, MULTI_LABEL, Metadata, MetadataError, ModelMetadata, Training,
    default_class_names,
};
pub use names::{Channels, ParseNameError};
pub use preprocess::partial::PartialPreprocess;
pub use preprocess::preset::Preset;
pub use preprocess::{
    Centre, IMAGENET_MEAN, IMAGENET_STD, Interpolation, LARGEST_SIZE, Preprocess, PreprocessError, Resize,
    SMALLEST_OF_ANY, SMALLEST_SIZE, shorter_for,
};
pub use quantization::{LARGEST_WEIGHT, Quantization, WEIGHT_BITS};
pub use summary::{LayerSummary, Summary};
pub use tensor::{NormTensor, TensorKind, TensorRole, TensorSpec};
pub use variant::{Activation, Stride2Padding, Variant, VariantError};
