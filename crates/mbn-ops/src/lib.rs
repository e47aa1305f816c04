//! Kernels for MobileNetV1 over candle's tensors, forward and backward, on activations of shape `[N, H, W, C]`.
//!
//! candle's own grouped convolution runs one convolution a group, and batch norm is a chain of tensor operations.
//! Here a training step moves each activation as seldom as batch norm allows: a convolution applies the batch norm
//! and activation before it while it loads ([`LazyActivation`]), and takes the statistics that the next one needs from
//! what it has just written. Backward likewise: one pass computes the gradient of the convolution's result while it
//! loads ([`Upstream`]), uses it for both gradients, and sums what the next batch norm needs. So only the
//! convolutions' results are stored, and a gradient is written once.
//!
//! In NHWC a pointwise convolution is one matrix product, a depthwise one vectorises over channels, and batch norm
//! reduces over rows. Weights keep PyTorch's layouts. Activations and their gradients are float32 or bfloat16;
//! everything else is float32. The caller provides the tensors for the results, and can use them again in the next
//! step: fresh memory costs as much as the arithmetic.
//!
//! Every function returns an error, never a panic, for shapes and types that do not fit. A tensor that an operation writes has
//! a storage of its own: one that shares it with a tensor that the operation reads, even as another part, is an error too.
//!
//! From the bottom up: `operands` (plain data), `cpu` (kernels on slices), `descriptors` (operations with checked
//! operands, and the CPU's side of them), [`kernels`] (the GPU's launches, for any executor), `cuda` (the driver, and the
//! GPU's side of the operations), `operations` (the public functions, which choose the backend).

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod descriptors;
mod device;
pub mod kernels;
mod operands;
mod operations;
#[cfg(any(test, feature = "cuda"))]
mod patience;
pub mod peak;
mod unavailable;

pub use cpu::simd::instructions;
#[cfg(feature = "cuda")]
pub use cuda::{Uploader, Work, cross_entropy, scores, soft_cross_entropy, work_so_far};
pub use descriptors::inference::FusedPointwise;
pub use device::{allow_tf32, count_cuda, device_name, on_workers, open_cuda};
pub use kernels::{Filter, Picture};
pub use operands::conv3x3::Conv3x3;
pub use operands::fused::FusedConv;
pub use operands::layer::{BatchNorm, BatchStatistics, LazyActivation};
pub use operands::layer::{Normalization, ParameterGradients, Upstream};
pub use operands::linear::LinearGradients;
pub use operands::loss::{CrossEntropy, Scores};
pub use operands::optim;
pub use operands::ranks::SumOverRanks;
pub use operations::depthwise::{depthwise, depthwise_backward, depthwise_normalized};
pub use operations::inference::{separable_fused, stem_fused};
pub use operations::linear::{linear, linear_backward};
pub use operations::loss::tally;
pub use operations::optim::average_all;
pub use operations::pointwise::{pointwise, pointwise_backward, pointwise_normalized};
pub use operations::pool::{global_average_pool, global_average_pool_backward, global_average_pool_stored};
pub use operations::ranks::summed_over_ranks;
pub use operations::stem::{stem, stem_backward, stem_normalized};
pub use unavailable::{CudaUnavailable, is_out_of_memory};
