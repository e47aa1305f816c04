//! The 1x1 convolution on CUDA.

use candle_core::{DType, Result, Tensor};

use super::allocation::filled;
use super::launch::{CudaKernel, Destination, pointer};
use super::queue::Held;
use super::statistics::Convolution;
use super::tensors::{activation, upstream};
use crate::descriptors::kernel::Kernel;
use crate::descriptors::pointwise::{Backward, Forward, Pointwise};
use crate::kernels::{self, ElementType, ParameterGradientPointers, PointwiseGradients, Sums};
use crate::operands::layer::ParameterGradients;

impl Pointwise<'_> {
    fn rows(&self) -> usize {
        self.input.raw.elem_count() / self.cin
    }

    fn pointers(&self, op: &str, element: ElementType) -> Result<kernels::Pointwise> {
        Ok(kernels::Pointwise {
            rows: self.rows(),
            cin: self.cin,
            cout: self.cout,
            input: activation(op, self.input, element)?,
            weight: pointer(op, self.weight, DType::F32)?,
        })
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Destination) -> Result<Sums> {
        let layer = self.0.pointers(Self::NAME, out.element)?;
        kernels::pointwise(queue, out.element, layer, out.pointer)
    }

    fn extent(&self) -> [usize; 2] {
        [self.0.rows(), self.0.cout]
    }

    fn like(&self) -> &Tensor {
        self.0.weight
    }
}

impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<(Tensor, ParameterGradients)> {
        let op = &self.op;
        let layer = op.pointers(Self::NAME, out.element)?;
        let upstream = upstream(Self::NAME, self.upstream, out.element)?;
        let shapes = [op.weight.shape().clone(), op.cin.into(), op.cin.into()];
        let device = op.weight.device();
        let ([weight, gamma, beta], ()) = filled(Self::NAME, device, shapes, |[weight, gamma, beta]| {
            let gradients = PointwiseGradients {
                input: out.pointer,
                parameters: ParameterGradientPointers { gamma, beta },
                weight,
            };
            kernels::pointwise_backward(queue, out.element, layer, upstream, gradients)
        })?;
        Ok((weight, ParameterGradients { gamma, beta }))
    }
}
