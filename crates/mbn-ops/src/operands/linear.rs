//! Gradients of the classifier.

use candle_core::Tensor;

/// Gradients of [`crate::linear`].
#[derive(Clone, Debug)]
pub struct LinearGradients {
    /// `[N, C]`
    pub features: Tensor,
    /// `[K, C]`
    pub weight: Tensor,
    /// `[K]`
    pub bias: Tensor,
}
