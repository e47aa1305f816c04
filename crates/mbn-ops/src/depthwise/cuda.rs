//! The depthwise convolution on CUDA.

use candle_core::{Result, Tensor};

use super::{Backward, Depthwise, Forward};
use crate::cuda::{
    Convolution, CudaKernel, Held, Target, activation, empty, new_gradients, pointer, upstream,
};
use crate::gpu::{self, DepthwiseGradients, Shape};
use crate::launch::Kernel;
use crate::normalization::ParameterGradients;

impl Depthwise<'_> {
    fn gpu_shape(&self) -> Result<Shape> {
        let s = self.shape;
        Shape::new([s.n, s.h, s.w, s.c], self.conv)
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Target) -> Result<gpu::Sums> {
        let input = activation(Self::NAME, self.0.input)?;
        let weight = pointer(Self::NAME, self.0.weight)?;
        let shape = self.0.gpu_shape()?;
        gpu::depthwise(queue, out.format, shape, input, weight, out.pointer)
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
    fn cuda(&self, queue: &Held, out: Target) -> Result<(Tensor, ParameterGradients)> {
        let op = &self.op;
        let dw = empty(op.weight.shape(), op.weight)?;
        let (gradients, parameters) = new_gradients(Self::NAME, op.shape.c, op.weight)?;
        let written = DepthwiseGradients {
            input: out.pointer,
            parameters,
            weight: pointer(Self::NAME, &dw)?,
        };
        gpu::depthwise_backward(
            queue,
            out.format,
            op.gpu_shape()?,
            upstream(Self::NAME, self.upstream)?,
            activation(Self::NAME, op.input)?,
            pointer(Self::NAME, op.weight)?,
            written,
        )?;
        Ok((dw, gradients))
    }
}
