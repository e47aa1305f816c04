//! The operations on a GPU, given by pointers into its memory.
//!
//! This module decides about every launch: which kernel, how many blocks, how much shared memory, which arguments. A
//! [`Stream`] carries the launches out: on a GPU the driver, in the tests an emulation on the CPU that runs the same
//! sources, the `.cu` files beside these modules. So the tests cover everything but the driver.
//!
//! Activations are `[N, H, W, C]` of an [`ElementType`]; weights, constants, statistics, sums and gradients of parameters
//! are float32, weights in PyTorch's layouts. The functions do what the crate's operations of the same names do. A
//! [`Pointer`] is the address of a tensor's first element; where `C` is a multiple of eight (four in float32) and
//! all addresses are multiples of 16, kernels load 16 bytes at once, else element by element.
//!
//! No kernel adds floats atomically, and each sum has one order for a given number of multiprocessors: every run gives
//! the same bits.
//!
//! A convolution leaves its [`Sums`] in scratch memory, one part for each block. [`batch_norm`] finishes them in one
//! launch: mean and variance, the constants that the next layer loads with, and the running statistics.

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

pub use batch_norm::{BatchNormPointers, Running, batch_norm, normalization};
pub use columns::{LazyActivationPointers, ParameterGradientPointers, Sums, UpstreamPointers, statistics};
pub use depthwise::{DepthwiseGradients, depthwise, depthwise_backward};
pub use geometry::ConvShape;
pub use image::{Filter, Images, Packing, Picture, resize_images};
pub use inference::{depthwise_fused, pointwise_fused, stem_fused};
pub use linear::{linear, linear_backward};
pub use loss::{Loss, LossTarget, cross_entropy, tally};
pub use optim::{AveragedTensor, OptimizerTensor, adamw_step, average_step, sgd_step};
pub use pointwise::{Pointwise, PointwiseGradients, pointwise, pointwise_backward};
pub use pool::{global_average_pool, global_average_pool_backward, global_average_pool_stored};
pub use stem::{stem, stem_backward};
pub use stream::{Arg, ElementType, Launch, MODULES, Matrix, Pointer, Product, Slot, Stream};
