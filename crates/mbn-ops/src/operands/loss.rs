//! What cross entropy and the sums over steps are computed from, and what it gives.

use candle_core::Tensor;

/// A batch's mean cross entropy, its gradient, and what the logits predict.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The mean, a scalar.
    pub mean: Tensor,
    /// Its gradient of the logits, `[N, K]`.
    pub gradient: Tensor,
    /// The first class with the largest logit of each image, `[N]`, U32.
    pub predicted: Tensor,
}

/// A batch's mean cross entropy, and what the logits predict with which probability.
#[derive(Clone, Debug)]
pub struct Scores {
    /// The mean cross entropy, a scalar.
    pub loss: Tensor,
    /// The first class with the largest logit of each image, `[N]`, U32.
    pub predicted: Tensor,
    /// The probability of that class, `[N]`.
    pub probability: Tensor,
}
