//! The operations on candle's CUDA tensors: what [`crate::gpu`] decides, carried out by the driver and cuBLAS.

pub(crate) mod device;
mod launch;
mod linear;
mod loss;
mod queue;
mod statistics;
mod tensors;
mod upload;

pub(crate) use launch::{CudaKernel, Target, cuda_fwd, empty, format_of, pointer};
pub(crate) use linear::{linear, linear_backward};
pub use loss::{cross_entropy, soft_cross_entropy};
pub(crate) use queue::{Held, Queue};
pub(crate) use statistics::{Convolution, normalized};
pub(crate) use tensors::{activation, new_gradients, pointers, upstream};
pub use upload::Uploader;
