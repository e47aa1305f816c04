//! The operations on a GPU, given by pointers into its memory.
//!
//! Everything that decides about a launch is here: which kernel, how many blocks, how much shared memory, which
//! arguments. What carries it out is a [`Stream`]: on a GPU the driver, in the tests an emulation on the CPU that
//! runs the same sources. So the tests cover all but the driver's own part.
//!
//! Activations are `[N, H, W, C]` in a [`Format`]; weights, constants, statistics, sums and gradients of parameters
//! are float32, weights in PyTorch's layouts. Semantics are those of the crate's operations of the same names. A
//! [`Pointer`] is the address of a tensor's first element; where `C` is a multiple of eight (four in float32) and
//! all addresses are multiples of 16, kernels load 16 bytes at once, else element by element.
//!
//! No kernel adds floats atomically, and each sum has one order for a given number of multiprocessors: results are
//! the same bits in every run.
//!
//! A convolution leaves its [`Sums`] in scratch memory, in parts, one for each block. [`batch_norm`] finishes them:
//! mean and variance, the constants that the next layer loads with, and the running statistics, in one launch.

mod batch_norm;
mod columns;
mod depthwise;
mod geometry;
mod image;
mod inference;
mod linear;
mod loss;
mod optim;
mod pointwise;
mod pool;
mod stem;
mod stream;
#[cfg(test)]
mod tests;

pub use batch_norm::{BatchNorm, Running, batch_norm, normalization};
pub use columns::{Activation, ParameterGradients, Sums, Upstream};
pub use depthwise::{DepthwiseGradients, depthwise, depthwise_backward};
pub use geometry::Shape;
pub use image::{Filter, Images, Packing, Picture, resize_images};
pub use inference::{depthwise_fused, pointwise_fused, stem_fused};
pub use linear::{linear, linear_backward};
pub use loss::{Loss, Target, cross_entropy};
pub use optim::{OptimizerTensor, adamw_step, sgd_step};
pub use pointwise::{Pointwise, PointwiseGradients, pointwise, pointwise_backward};
pub use pool::{global_average_pool, global_average_pool_backward, global_average_pool_stored};
pub use stem::{stem, stem_backward};
pub use stream::{Arg, Format, Launch, MODULES, Matrix, Pointer, Product, Slot, Stream};
