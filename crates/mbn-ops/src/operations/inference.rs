//! The folded network's layers.

use candle_core::{Result, Tensor};

use super::launch::launch;
use crate::descriptors::inference::{FusedPointwise, Separable, Stem};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::fused::FusedConv;

/// 3x3 convolution of `image` `[N, 3, H, W]` with a weight `[O, 3, 3, 3]`; writes `out`, `[N, OH, OW, O]`.
///
/// # Errors
/// If shapes do not fit, a tensor is not contiguous float32, or `out` shares its storage with an operand.
pub fn stem_fused(image: &Tensor, fused: &FusedConv, conv: Conv3x3, out: &Tensor) -> Result<()> {
    launch(&Stem::new(image, fused, conv, out)?, out)
}

/// Depthwise 3x3 convolution of `x` `[N, H, W, C]`, then a pointwise one; the weights are `[C, 1, 3, 3]` and
/// `[O, C, 1, 1]`. Writes `out`, `[N, OH, OW, O]`.
///
/// # Errors
/// If shapes do not fit, a tensor is not contiguous float32, or `out` shares its storage with an operand.
pub fn separable_fused(
    x: &Tensor,
    depthwise: &FusedConv,
    conv: Conv3x3,
    pointwise: &FusedPointwise,
    out: &Tensor,
) -> Result<()> {
    launch(&Separable::new(x, depthwise, conv, pointwise, out)?, out)
}
