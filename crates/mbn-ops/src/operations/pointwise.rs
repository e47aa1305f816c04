//! 1x1 convolution.

use candle_core::{Result, Tensor};

use super::launch::{launch, normalized};
use crate::descriptors::pointwise::{Backward, Forward};
use crate::operands::layer::{BatchNorm, BatchStatistics, LazyActivation};
use crate::operands::layer::{Normalization, ParameterGradients, Upstream};

/// 1x1 convolution of the activation `input`, `[N, H, W, I]`, with `weight` `[O, I, 1, 1]`. Writes `out`,
/// `[N, H, W, O]` of the input's type, and returns its statistics.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn pointwise(input: LazyActivation, weight: &Tensor, out: &Tensor) -> Result<BatchStatistics> {
    launch(&Forward::new(input, weight, out)?, out)
}

/// [`pointwise`] with the batch norm after it, whose statistics enter the `running` ones. On CUDA the batch norm is one
/// more launch and changes the running statistics in place.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn pointwise_normalized(
    input: LazyActivation,
    weight: &Tensor,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    normalized(&Forward::new(input, weight, out)?, norm, running, out)
}

/// Gradients of [`pointwise`]. Writes to `out`, of the input's shape and type, the gradient of batch norm's result in the
/// layer before; returns the gradient of the weight, and the gradients of that batch norm's parameters.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn pointwise_backward(
    upstream: Upstream,
    input: LazyActivation,
    weight: &Tensor,
    out: &Tensor,
) -> Result<(Tensor, ParameterGradients)> {
    launch(&Backward::new(upstream, input, weight, out)?, out)
}
