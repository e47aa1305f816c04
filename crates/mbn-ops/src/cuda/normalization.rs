//! Batch norm's constants on CUDA.

use candle_core::Result;

use super::launch::{CudaKernel, Destination};
use super::queue::Held;
use super::tensors::pointers;
use crate::descriptors::kernel::Kernel;
use crate::descriptors::normalization::Build;
use crate::kernels;

impl CudaKernel for Build<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let [mean, variance, gamma, beta] = pointers(Self::NAME, self.inputs)?;
        kernels::normalization(
            queue,
            self.inputs[0].elem_count(),
            [mean, variance],
            [gamma, beta],
            self.epsilon,
            out.float(Self::NAME)?,
        )
    }
}
