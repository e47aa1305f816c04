//! The 1x1 convolution on CUDA.

use candle_core::{Result, Tensor};

use super::{Backward, Forward, Pointwise};
use crate::cuda::{
    Convolution, CudaKernel, Held, Target, activation, empty, new_gradients, pointer, upstream,
};
use crate::gpu::{self, PointwiseGradients};
use crate::launch::Kernel;
use crate::normalization::ParameterGradients;

impl Pointwise<'_> {
    fn rows(&self) -> usize {
        self.input.raw.elem_count() / self.cin
    }

    fn gpu(&self, op: &str) -> Result<gpu::Pointwise> {
        Ok(gpu::Pointwise {
            rows: self.rows(),
            cin: self.cin,
            cout: self.cout,
            input: activation(op, self.input)?,
            weight: pointer(op, self.weight)?,
        })
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Target) -> Result<gpu::Sums> {
        gpu::pointwise(queue, out.format, self.0.gpu(Self::NAME)?, out.pointer)
    }

    fn extent(&self) -> [usize; 2] {
        [self.0.rows(), self.0.cout]
    }

    fn like(&self) -> &Tensor {
        self.0.weight
    }
}

impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<(Tensor, ParameterGradients)> {
        let op = &self.op;
        let dw = empty(op.weight.shape(), op.weight)?;
        let (gradients, parameters) = new_gradients(Self::NAME, op.cin, op.weight)?;
        let written = PointwiseGradients {
            input: out.pointer,
            parameters,
            weight: pointer(Self::NAME, &dw)?,
        };
        let upstream = upstream(Self::NAME, self.upstream)?;
        gpu::pointwise_backward(queue, out.format, op.gpu(Self::NAME)?, upstream, written)?;
        Ok((dw, gradients))
    }
}
