//! Global average pooling.

use candle_core::{Result, Tensor};

use super::launch::{launch, written};
use crate::descriptors::pool::{Backward, Forward, Stored};
use crate::operands::layer::{LazyActivation, ParameterGradients};

/// Mean over height and width of the activation `input`: `[N, H, W, C]` to `[N, C]`, float32.
///
/// # Errors
/// If shapes or types do not fit, or a tensor is not contiguous.
pub fn global_average_pool(input: LazyActivation) -> Result<Tensor> {
    let (forward, extent) = Forward::new(input)?;
    written(&forward, &extent, input.raw.device())
}

/// [`global_average_pool`] of stored float32 values `x` `[N, H, W, C]`, as in inference.
///
/// # Errors
/// If shapes or types do not fit, or a tensor is not contiguous.
pub fn global_average_pool_stored(x: &Tensor) -> Result<Tensor> {
    let (stored, extent) = Stored::new(x)?;
    written(&stored, &extent, x.device())
}

/// The gradient of [`global_average_pool`]: given the gradient of its result, `[N, C]`, float32, writes to `out`, of the input's
/// shape and type, the gradient of batch norm's result in the layer before; returns the gradients of that batch norm's
/// parameters.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn global_average_pool_backward(
    gradient: &Tensor,
    input: LazyActivation,
    out: &Tensor,
) -> Result<ParameterGradients> {
    launch(&Backward::new(gradient, input, out)?, out)
}
