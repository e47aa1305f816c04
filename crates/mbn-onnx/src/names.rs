//! Names of the graph's values and nodes. They say which part of the network they belong to: `blocks.3.depthwise` is
//! what the depthwise convolution of block 3 gives after its batch norm, whether that is folded or not.

use mbn_spec::{Activation, ConvLayer};

/// Name of the graph's input.
pub const INPUT: &str = "input";
/// Name of the output before softmax.
pub const LOGITS: &str = "logits";
/// Name of the output after softmax.
pub const PROBABILITIES: &str = "probabilities";
/// Name of the output with the classifier's input.
pub const FEATURES: &str = "features";
/// Name of the first dimension of inputs and outputs.
pub const BATCH: &str = "batch";
/// Name of the dimension of rows.
pub const HEIGHT: &str = "height";
/// Name of the dimension of columns.
pub const WIDTH: &str = "width";

pub(crate) const SCALE: &str = "preprocess.scale";
pub(crate) const OFFSET: &str = "preprocess.offset";
pub(crate) const SIZE: &str = "preprocess.size";
pub(crate) const SHORTER: &str = "preprocess.shorter";
pub(crate) const TWO: &str = "preprocess.two";
pub(crate) const AXES: &str = "preprocess.axes";
pub(crate) const SHAPE: &str = "preprocess.shape";
pub(crate) const BYTE_ZERO: &str = "bytes.zero_point";
pub(crate) const INPUT_ZERO: &str = "input.zero_point";
pub(crate) const CLASSIFIER_ZERO: &str = "fc.weight.zero_point";
pub(crate) const RELU6_MIN: &str = "relu6.min";
pub(crate) const RELU6_MAX: &str = "relu6.max";

/// Name of a layer's result.
pub(crate) fn activation_name(layer: &ConvLayer, activation: Activation) -> String {
    format!("{}.{activation}", layer.name())
}

/// Name of what one step of a value kept as bytes, or of a constant, stands for.
pub(crate) fn scale_name(value: &str) -> String {
    format!("{value}.scale")
}
