//! candle custom operations for MobileNetV1, forward and backward, on activations of shape `[N, H, W, C]`.
//!
//! candle's own grouped convolution runs one convolution a group, and batch norm is a chain of tensor
//! operations; here each is one pass. In NHWC a pointwise convolution is one matrix product, a depthwise one
//! vectorises over channels, and batch norm reduces over rows. Weights keep PyTorch's layouts.
//!
//! Every function takes float32 tensors, makes its inputs contiguous and returns an error, never a panic, for
//! shapes that do not fit.

mod activation;
mod batch_norm;
mod cpu;
mod depthwise;
mod geometry;
pub mod optim;
mod pointwise;
mod pool;
mod stem;
mod storage;

pub use activation::Epilogue;
pub use batch_norm::{
    BatchStatistics, batch_norm_relu, batch_norm_relu_gradients, batch_norm_relu_with, batch_statistics,
};
pub use depthwise::{depthwise, depthwise_fused, depthwise_gradients};
pub use geometry::Conv3x3;
pub use pointwise::{pointwise, pointwise_fused, pointwise_gradients};
pub use pool::{global_average_pool, global_average_pool_gradient};
pub use stem::{stem, stem_fused, stem_weight_gradient};
