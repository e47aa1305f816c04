//! Depthwise 3x3 convolution.

use candle_core::{Result, Tensor};

use super::launch::{launch, normalized};
use crate::descriptors::depthwise::{Backward, Forward};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::layer::{BatchNorm, BatchStatistics, LazyActivation};
use crate::operands::layer::{Normalization, ParameterGradients, Upstream};

/// Depthwise 3x3 convolution of the activation `input`, `[N, H, W, C]`, with `weight` `[C, 1, 3, 3]`. Writes
/// `out`, `[N, OH, OW, C]` of the input's type, and returns its statistics.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn depthwise(
    input: LazyActivation,
    weight: &Tensor,
    conv: Conv3x3,
    out: &Tensor,
) -> Result<BatchStatistics> {
    launch(&Forward::new(input, weight, conv, out)?, out)
}

/// [`depthwise`] with the batch norm after it, whose statistics enter the `running` ones. On CUDA the batch norm is one
/// more launch and changes the running statistics in place.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn depthwise_normalized(
    input: LazyActivation,
    weight: &Tensor,
    conv: Conv3x3,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    normalized(&Forward::new(input, weight, conv, out)?, norm, running, out)
}

/// Gradients of [`depthwise`]. Writes to `out`, of the input's shape and type, the gradient of batch norm's result in the
/// layer before; returns the gradient of the weight, and the gradients of that batch norm's parameters.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn depthwise_backward(
    upstream: Upstream,
    input: LazyActivation,
    weight: &Tensor,
    conv: Conv3x3,
    out: &Tensor,
) -> Result<(Tensor, ParameterGradients)> {
    launch(&Backward::new(upstream, input, weight, conv, out)?, out)
}
