//! Kernels for MobileNetV1 over candle's tensors, forward and backward, on activations of shape `[N, H, W, C]`.
//!
//! candle's own grouped convolution runs one convolution a group, and batch norm is a chain of tensor operations.
//! Here a training step moves each activation as seldom as batch norm allows: a convolution applies the batch norm
//! and activation before it while it loads ([`Activation`]), and takes the statistics that the next one needs from
//! what it has just written. Backward likewise: one pass forms the gradient of the convolution's result while it
//! loads ([`Upstream`]), uses it for both gradients, and sums what the next batch norm needs. So only the
//! convolutions' results are stored, and a gradient is written once.
//!
//! In NHWC a pointwise convolution is one matrix product, a depthwise one vectorises over channels, and batch norm
//! reduces over rows. Weights keep PyTorch's layouts. Activations and their gradients are float32 or bfloat16;
//! everything else is float32. Where all tensors are float64, the same functions run plain loops on the CPU, slow and
//! exact to about fifteen digits, that the other kernels are measured against. Results go to tensors of the caller's, which can be used again in the next step: fresh
//! memory costs as much as the arithmetic.
//!
//! Every function returns an error, never a panic, for shapes and formats that do not fit.

// The unit tests share helpers with the integration tests, which name the crate.
#[cfg(test)]
extern crate self as mbn_ops;

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod depthwise;
mod device;
mod double;
mod element;
mod geometry;
#[cfg(any(test, feature = "cuda"))]
pub mod gpu;
mod inference;
mod launch;
mod linear;
mod normalization;
pub mod optim;
pub mod peak;
mod pointwise;
mod pool;
mod readers;
mod stem;

pub use cpu::simd::instructions;
#[cfg(feature = "cuda")]
pub use cuda::{Uploader, cross_entropy, soft_cross_entropy};
pub use depthwise::{depthwise, depthwise_backward, depthwise_normalized};
pub use device::{CudaUnavailable, allow_tf32, device_name, open_cuda};
pub use geometry::Conv3x3;
#[cfg(feature = "cuda")]
pub use gpu::{Filter, Picture};
pub use inference::{FusedConv, FusedPointwise, separable_fused, stem_fused};
pub use linear::{LinearGradients, linear, linear_backward};
pub use normalization::{
    Activation, BatchNorm, BatchStatistics, Normalization, ParameterGradients, Upstream,
};
pub use pointwise::{pointwise, pointwise_backward, pointwise_normalized};
pub use pool::{global_average_pool, global_average_pool_backward, global_average_pool_stored};
pub use stem::{stem, stem_backward, stem_normalized};
