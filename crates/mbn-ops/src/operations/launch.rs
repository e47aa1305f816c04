//! The choice of the backend, by the device of the result.

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::cuda::{Convolution, CudaKernel};
#[cfg(not(feature = "cuda"))]
use crate::descriptors::kernel::{Kernel as Convolution, Kernel as CudaKernel};
use crate::descriptors::kernel::{Kernel, run_on_cpu};
use crate::operands::layer::{BatchNorm, BatchStatistics, Normalization};

/// Runs `kernel` on `out`, a contiguous tensor that shares no memory with the inputs.
pub(super) fn launch<K: CudaKernel>(kernel: &K, out: &Tensor) -> Result<K::Side> {
    #[cfg(feature = "cuda")]
    if out.device().is_cuda() {
        return crate::cuda::run(kernel, out);
    }
    run_on_cpu(kernel, out)
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
    #[cfg(feature = "cuda")]
    if out.device().is_cuda() {
        return crate::cuda::normalized(convolution, norm, running, out);
    }
    let rows = out.elem_count() / norm.gamma.elem_count().max(1);
    norm.apply(&run_on_cpu(convolution, out)?, rows, running)
}
