//! A convolution of the folded network.

use candle_core::Tensor;

/// A convolution with its bias and activation, `min(max(0, y + bias), max)`.
#[derive(Clone, Debug)]
pub struct FusedConv {
    /// In PyTorch's layout.
    pub weight: Tensor,
    /// `[O]`
    pub bias: Tensor,
    /// Infinity for ReLU, 6 for ReLU6.
    pub max: f32,
}
