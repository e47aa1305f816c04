//! Dense 3x3 convolution on the image.

use candle_core::{Result, Tensor};

use super::launch::{launch, normalized, written};
use crate::descriptors::stem::{Backward, Forward};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::layer::{BatchNorm, BatchStatistics, Normalization, Upstream};

/// 3x3 convolution of `image` `[N, 3, H, W]` with `weight` `[O, 3, 3, 3]`, both float32. Writes `out`,
/// `[N, OH, OW, O]` in float32 or bfloat16, and returns its statistics.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn stem(image: &Tensor, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<BatchStatistics> {
    launch(&Forward::new(image, weight, conv, out)?, out)
}

/// [`stem`] with the batch norm after it, whose statistics enter the `running` ones. On CUDA the batch norm is one more
/// launch and changes the running statistics in place.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `out` shares its storage with an operand.
pub fn stem_normalized(
    image: &Tensor,
    weight: &Tensor,
    conv: Conv3x3,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    normalized(&Forward::new(image, weight, conv, out)?, norm, running, out)
}

/// The gradient of [`stem`]'s weight. The image's gradient is not computed: nothing needs it.
///
/// # Errors
/// If shapes or types do not fit, or a tensor is not contiguous.
pub fn stem_backward(upstream: Upstream, image: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Tensor> {
    let backward = Backward::new(upstream, image, weight, conv)?;
    if image.device().is_cuda() {
        // The kernel sums each weight by itself, so it can write them in any order.
        return written(&backward, weight.shape(), image.device());
    }
    let cout = backward.op.shape.cout;
    let taps = written(&backward, (3, 3, 3, cout), image.device())?;
    taps.permute((3, 0, 1, 2))?.contiguous()
}
