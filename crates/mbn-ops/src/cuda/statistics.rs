//! Convolutions that leave sums over their result, and the batch norm that finishes them.

use std::cell::RefCell;

use candle_core::{CpuStorage, CudaStorage, InplaceOp1, Layout, Result, Tensor, bail};

use super::launch::{CudaKernel, Target, empty, pointer, with_queue};
use super::queue::Held;
use super::tensors::pointers;
use crate::gpu::{self, Sums};
use crate::launch::Kernel;
use crate::normalization::{BatchNorm, BatchStatistics, Normalization};

/// A convolution of [`crate::gpu`].
pub(crate) trait Convolution: Kernel<Side = BatchStatistics> {
    /// Enqueues it; the sums are in scratch memory.
    fn convolve(&self, queue: &Held, out: Target) -> Result<Sums>;
    /// Rows of the result, and its channels.
    fn extent(&self) -> [usize; 2];
    /// A tensor on the same device.
    fn like(&self) -> &Tensor;
}

impl<C: Convolution> CudaKernel for C {
    fn cuda(&self, queue: &Held, out: Target) -> Result<BatchStatistics> {
        let sums = self.convolve(queue, out)?;
        let [rows, c] = self.extent();
        let like = self.like();
        let statistics = BatchStatistics {
            mean: empty(c, like)?,
            variance: empty(c, like)?,
        };
        // The constants come along with the statistics and are not wanted here; their parameters only have to be
        // there to be read.
        let [mean, variance] = pointers(C::NAME, [&statistics.mean, &statistics.variance])?;
        let unused = Tensor::zeros((6, c), candle_core::DType::F32, like.device())?;
        let base = pointer(C::NAME, &unused)?;
        let row = |index: usize| base + (index * c * size_of::<f32>()) as gpu::Pointer;
        let norm = gpu::BatchNorm {
            gamma: row(0),
            beta: row(1),
            epsilon: 1.0,
            running: None,
            mean: Some(mean),
            variance: Some(variance),
            constants: row(2),
        };
        gpu::batch_norm(queue, sums, rows, norm)?;
        Ok(statistics)
    }
}

/// Runs a convolution and the batch norm after it: the constants that the next layer loads with, and the running
/// statistics, in place.
pub(crate) fn normalized<C: Convolution>(
    convolution: &C,
    norm: &BatchNorm,
    running: &BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    norm.check(convolution.extent()[1], running)?;
    let launch = Normalized {
        convolution,
        norm,
        running,
        result: RefCell::new(None),
    };
    out.inplace_op1(&launch)?;
    match launch.result.into_inner() {
        Some(result) => Ok(result),
        None => bail!("{}: the device returned nothing", C::NAME),
    }
}

struct Normalized<'a, C> {
    convolution: &'a C,
    norm: &'a BatchNorm<'a>,
    running: &'a BatchStatistics,
    result: RefCell<Option<Normalization>>,
}

impl<C: Convolution> InplaceOp1 for Normalized<'_, C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("{}: the result is on the CPU, the parameters are not", C::NAME)
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let BatchNorm {
            gamma,
            beta,
            epsilon,
            max,
            momentum,
        } = *self.norm;
        let [rows, c] = self.convolution.extent();
        let constants = empty((4, c), gamma)?;
        let [gamma, beta, mean, variance, to] = pointers(
            C::NAME,
            [
                gamma,
                beta,
                &self.running.mean,
                &self.running.variance,
                &constants,
            ],
        )?;
        let norm = gpu::BatchNorm {
            gamma,
            beta,
            epsilon,
            running: Some(gpu::Running {
                mean,
                variance,
                momentum,
            }),
            mean: None,
            variance: None,
            constants: to,
        };
        with_queue(C::NAME, storage, layout, |queue, out| {
            let sums = self.convolution.convolve(queue, out)?;
            gpu::batch_norm(queue, sums, rows, norm)
        })?;
        self.result.replace(Some(Normalization { constants, max }));
        Ok(())
    }
}
