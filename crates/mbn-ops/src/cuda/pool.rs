//! Pooling on CUDA.

use candle_core::{DType, Result};

use super::allocation::filled;
use super::launch::{CudaKernel, Destination, element_of, pointer};
use super::queue::Held;
use super::tensors::activation;
use crate::descriptors::kernel::Kernel;
use crate::descriptors::pool::{Backward, Forward, Stored};
use crate::kernels::{self, ElementType, ParameterGradientPointers};
use crate::operands::layer::ParameterGradients;

impl CudaKernel for Forward<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let raw = self.input.raw;
        let extent = [raw.dim(0)?, self.pixels, self.c];
        let element = element_of(Self::NAME, raw.dtype())?;
        let input = activation(Self::NAME, self.input, element)?;
        kernels::global_average_pool(queue, element, extent, input, out.float(Self::NAME)?)
    }
}

impl CudaKernel for Stored<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let extent = [self.x.dim(0)?, self.pixels, self.c];
        let x = pointer(Self::NAME, self.x, DType::F32)?;
        let out = out.float(Self::NAME)?;
        kernels::global_average_pool_stored(queue, ElementType::F32, extent, x, out)
    }
}

impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<ParameterGradients> {
        let (n, c) = self.gradient.dims2()?;
        let gradient = pointer(Self::NAME, self.gradient, DType::F32)?;
        let input = activation(Self::NAME, self.input, out.element)?;
        let extent = [n, self.pixels, c];
        let device = self.gradient.device();
        let shapes = [c.into(), c.into()];
        let ([gamma, beta], ()) = filled(Self::NAME, device, shapes, |[gamma, beta]| {
            let parameters = ParameterGradientPointers { gamma, beta };
            kernels::global_average_pool_backward(
                queue,
                out.element,
                extent,
                gradient,
                input,
                out.pointer,
                parameters,
            )
        })?;
        Ok(ParameterGradients { gamma, beta })
    }
}
