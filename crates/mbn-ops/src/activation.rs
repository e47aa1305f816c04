//! What a convolution of the inference network does to its result before writing it.

use candle_core::Tensor;

/// Bias and activation of a convolution whose batch norm has been folded: `min(max(0, y + bias), max)`.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// `[out_channels]`
    pub bias: Tensor,
    /// Infinity for ReLU, 6 for ReLU6.
    pub max: f32,
}
