//! The GPU's side of the operations: [`crate::kernels`] decides about the launches, the driver and cuBLAS carry them out
//! on candle's CUDA tensors.

pub(crate) mod allocation;
mod depthwise;
pub(crate) mod device;
mod inference;
mod launch;
mod linear;
mod loss;
mod modules;
mod normalization;
mod optim;
mod pointwise;
mod pool;
mod queue;
mod statistics;
mod stem;
mod tensors;
mod upload;
mod work;

pub(crate) use launch::{CudaKernel, run};
pub(crate) use linear::{linear, linear_backward};
pub use loss::{cross_entropy, scores, soft_cross_entropy};
pub(crate) use optim::{adamw, average, sgd};
pub(crate) use statistics::{Convolution, normalized};
pub use upload::Uploader;
pub use work::{Work, work_so_far};
