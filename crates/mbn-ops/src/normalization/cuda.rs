//! Batch norm's constants on CUDA.

use candle_core::Result;

use super::Build;
use crate::cuda::{CudaKernel, Held, Target, pointers};
use crate::gpu;
use crate::launch::Kernel;

impl CudaKernel for Build<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let [mean, variance, gamma, beta] = pointers(Self::NAME, self.inputs)?;
        gpu::normalization(
            queue,
            self.inputs[0].elem_count(),
            [mean, variance],
            [gamma, beta],
            self.epsilon,
            out.float(Self::NAME)?,
        )
    }
}
