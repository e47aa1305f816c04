//! The 1x1 convolution on CUDA.

use candle_core::{Result, Tensor};

use super::allocation::filled;
use super::launch::{CudaKernel, Destination, pointer};
use super::queue::Held;
use super::statistics::Convolution;
use super::tensors::{activation, upstream};
use crate::descriptors::kernel::Kernel;
use crate::descriptors::pointwise::{Backward, Forward, Pointwise};
use crate::kernels::{self, ParameterGradientPointers, PointwiseGradients, Sums};
use crate::operands::layer::ParameterGradients;

impl Pointwise<'_> {
    fn rows(&self) -> usize {
        self.input.raw.elem_count() / self.cin
    }

    fn pointers(&self, op: &str) -> Result<kernels::Pointwise> {
        Ok(kernels::Pointwise {
            rows: self.rows(),
            cin: self.cin,
            cout: self.cout,
            input: activation(op, self.input)?,
            weight: pointer(op, self.weight)?,
        })
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Destination) -> Result<Sums> {
        kernels::pointwise(queue, out.element, self.0.pointers(Self::NAME)?, out.pointer)
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
        let (layer, upstream) = (op.pointers(Self::NAME)?, upstream(Self::NAME, self.upstream)?);
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
