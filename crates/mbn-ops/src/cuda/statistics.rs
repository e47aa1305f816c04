//! Convolutions that leave sums over their result, and the batch norm that finishes them.

use candle_core::{DType, Result, Tensor};

use super::allocation::filled;
use super::launch::{CudaKernel, Destination, pointer, run_with};
use super::queue::Held;
use super::tensors::pointers;
use crate::descriptors::kernel::Kernel;
use crate::kernels::{self, BatchNormPointers, Pointer, Running, Sums};
use crate::operands::layer::{BatchNorm, BatchStatistics, Normalization};

/// A convolution of [`crate::kernels`].
pub(crate) trait Convolution: Kernel<Side = BatchStatistics> {
    /// Enqueues the convolution, which leaves its sums in scratch memory.
    fn convolve(&self, queue: &Held, out: Destination) -> Result<Sums>;
    /// Rows of the result, and its channels.
    fn extent(&self) -> [usize; 2];
    /// A tensor on the same device.
    fn like(&self) -> &Tensor;
}

impl<C: Convolution> CudaKernel for C {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<BatchStatistics> {
        let sums = self.convolve(queue, out)?;
        let [rows, c] = self.extent();
        let device = self.like().device();
        // The kernel computes the constants along with the statistics. Nothing uses them here, but it reads their
        // parameters and writes them.
        let unused = Tensor::zeros((6, c), DType::F32, device)?;
        let base = pointer(C::NAME, &unused, DType::F32)?;
        let row = |index: usize| base + (index * c * size_of::<f32>()) as Pointer;
        let shapes = [c.into(), c.into()];
        let ([mean, variance], ()) = filled(C::NAME, device, shapes, |[mean, variance]| {
            let norm = BatchNormPointers {
                gamma: row(0),
                beta: row(1),
                epsilon: 1.0,
                running: None,
                mean: Some(mean),
                variance: Some(variance),
                constants: row(2),
            };
            kernels::batch_norm(queue, sums, rows, norm)
        })?;
        Ok(BatchStatistics { mean, variance })
    }
}

/// Runs a convolution and the batch norm after it: computes the constants that the next layer loads with, and changes
/// the running statistics in place. The operands of both have been checked.
pub(crate) fn normalized<C: Convolution>(
    convolution: &C,
    norm: &BatchNorm,
    running: &BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    let [rows, c] = convolution.extent();
    let inputs = [norm.gamma, norm.beta, &running.mean, &running.variance];
    let [gamma, beta, mean, variance] = pointers(C::NAME, inputs)?;
    let running = Running {
        mean,
        variance,
        momentum: norm.momentum,
    };
    let constants = run_with(C::NAME, out, |queue, out| {
        let device = norm.gamma.device();
        let ([constants], ()) = filled(C::NAME, device, [(4, c).into()], |[constants]| {
            let sums = convolution.convolve(queue, out)?;
            let norm = BatchNormPointers {
                gamma,
                beta,
                epsilon: norm.epsilon,
                running: Some(running),
                mean: None,
                variance: None,
                constants,
            };
            kernels::batch_norm(queue, sums, rows, norm)
        })?;
        Ok(constants)
    })?;
    Ok(Normalization {
        constants,
        max: norm.max,
    })
}
