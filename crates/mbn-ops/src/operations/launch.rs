//! The choice of the backend, by the device of the result.

use candle_core::{D, DType, Device, Result, Shape, Tensor};

#[cfg(feature = "cuda")]
use crate::cuda::{Convolution, CudaKernel};
#[cfg(not(feature = "cuda"))]
use crate::descriptors::kernel::{Kernel as Convolution, Kernel as CudaKernel};
use crate::descriptors::kernel::{Kernel, run_on_cpu};
use crate::operands::checks::expect_apart;
use crate::operands::layer::{BatchNorm, BatchStatistics, Normalization};

/// Runs `kernel` on `out`, a contiguous tensor.
///
/// # Errors
/// If it is in the storage of an input, or the kernel fails.
pub(super) fn launch<K: CudaKernel>(kernel: &K, out: &Tensor) -> Result<K::Side> {
    #[cfg(feature = "cuda")]
    if out.device().is_cuda() {
        return crate::cuda::run(kernel, out);
    }
    run_on_cpu(kernel, out)
}

/// Runs `kernel`, which writes all of its result, a float32 tensor of the given shape.
pub(super) fn written<K: CudaKernel<Side = ()>>(
    kernel: &K,
    shape: impl Into<Shape>,
    device: &Device,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        // SAFETY: the kernel writes all of it, and the tensor leaves this function only after it was enqueued.
        let out = unsafe { crate::cuda::allocation::unwritten(shape, DType::F32, device) }?;
        crate::cuda::run(kernel, &out)?;
        return Ok(out);
    }
    let out = Tensor::zeros(shape, DType::F32, device)?;
    run_on_cpu(kernel, &out)?;
    Ok(out)
}

/// Runs a convolution and the batch norm after it.
pub(super) fn normalized<C>(
    convolution: &C,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization>
where
    C: Convolution + Kernel<Side = BatchStatistics>,
{
    let c = out.dim(D::Minus1)?;
    norm.check(C::NAME, c, running)?;
    let own = [norm.gamma, norm.beta, &running.mean, &running.variance];
    expect_apart(C::NAME, out, convolution.inputs().into_iter().chain(own))?;
    #[cfg(feature = "cuda")]
    if out.device().is_cuda() {
        return crate::cuda::normalized(convolution, norm, running, out);
    }
    let rows = out.elem_count() / c.max(1);
    norm.apply(&run_on_cpu(convolution, out)?, rows, running)
}
