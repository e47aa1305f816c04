//! The depthwise convolution on CUDA.

use candle_core::{DType, Result, Tensor};

use super::allocation::filled;
use super::launch::{CudaKernel, Destination, pointer};
use super::queue::Held;
use super::statistics::Convolution;
use super::tensors::{activation, upstream};
use crate::descriptors::depthwise::{Backward, Depthwise, Forward};
use crate::descriptors::kernel::Kernel;
use crate::kernels::{self, ConvShape, DepthwiseGradients, ParameterGradientPointers, Sums};
use crate::operands::layer::ParameterGradients;

impl Depthwise<'_> {
    fn conv_shape(&self) -> Result<ConvShape> {
        let s = self.shape;
        ConvShape::new([s.n, s.h, s.w, s.c], self.conv)
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Destination) -> Result<Sums> {
        let input = activation(Self::NAME, self.0.input, out.element)?;
        let weight = pointer(Self::NAME, self.0.weight, DType::F32)?;
        let shape = self.0.conv_shape()?;
        kernels::depthwise(queue, out.element, shape, input, weight, out.pointer)
    }

    fn extent(&self) -> [usize; 2] {
        let s = self.0.shape;
        [s.n * s.oh * s.ow, s.c]
    }

    fn like(&self) -> &Tensor {
        self.0.weight
    }
}

impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<(Tensor, ParameterGradients)> {
        let op = &self.op;
        let shape = op.conv_shape()?;
        let upstream = upstream(Self::NAME, self.upstream, out.element)?;
        let input = activation(Self::NAME, op.input, out.element)?;
        let taps = pointer(Self::NAME, op.weight, DType::F32)?;
        let shapes = [op.weight.shape().clone(), op.shape.c.into(), op.shape.c.into()];
        let device = op.weight.device();
        let ([weight, gamma, beta], ()) = filled(Self::NAME, device, shapes, |[weight, gamma, beta]| {
            let gradients = DepthwiseGradients {
                input: out.pointer,
                parameters: ParameterGradientPointers { gamma, beta },
                weight,
            };
            kernels::depthwise_backward(queue, out.element, shape, upstream, input, taps, gradients)
        })?;
        Ok((weight, ParameterGradients { gamma, beta }))
    }
}
