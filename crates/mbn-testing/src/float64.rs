//! The operations of MobileNetV1 in float64, as plain loops: the reference that the kernels are measured against.
//!
//! Activations are `[N, H, W, C]`, weights have PyTorch's layouts, and everything is a slice of `f64`. Written to be
//! read, not to be fast: each image has a thread of its own, and sums over images are added in order.

mod convolution;
mod layer;
mod loss;
mod optim;

pub use convolution::{Convolution, Window};
pub use layer::{Layer, Statistics, activate_with_bias, pool, pool_gradient, statistics};
pub use loss::cross_entropy;
pub use optim::{AdamW, Sgd};

/// The same values in float64.
pub fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
