//! Pooling on CUDA.

use candle_core::Result;

use super::{Backward, Forward, Stored};
use crate::cuda::{CudaKernel, Held, Target, activation, format_of, new_gradients, pointer};
use crate::gpu;
use crate::launch::Kernel;
use crate::normalization::ParameterGradients;

impl CudaKernel for Forward<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let raw = self.input.raw;
        let extent = [raw.dim(0)?, self.pixels, self.c];
        let input = activation(Self::NAME, self.input)?;
        let format = format_of(raw.dtype());
        gpu::global_average_pool(queue, format, extent, input, out.float(Self::NAME)?)
    }
}

impl CudaKernel for Stored<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let extent = [self.x.dim(0)?, self.pixels, self.c];
        let x = pointer(Self::NAME, self.x)?;
        let out = out.float(Self::NAME)?;
        gpu::global_average_pool_stored(queue, format_of(self.x.dtype()), extent, x, out)
    }
}

impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<ParameterGradients> {
        let (n, c) = self.gradient.dims2()?;
        let (gradients, parameters) = new_gradients(Self::NAME, c, self.gradient)?;
        gpu::global_average_pool_backward(
            queue,
            out.format,
            [n, self.pixels, c],
            pointer(Self::NAME, self.gradient)?,
            activation(Self::NAME, self.input)?,
            out.pointer,
            parameters,
        )?;
        Ok(gradients)
    }
}
