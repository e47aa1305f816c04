//! The first convolution on CUDA.

use candle_core::{Result, Tensor};

use super::{Backward, Forward, Stem};
use crate::cuda::{Convolution, CudaKernel, Held, Target, format_of, pointers, upstream};
use crate::gpu::{self, Shape};
use crate::launch::Kernel;

impl Stem<'_> {
    fn gpu_shape(&self) -> Result<Shape> {
        let s = self.shape;
        Shape::new([s.n, s.h, s.w, s.cout], self.conv)
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Target) -> Result<gpu::Sums> {
        let [image, weight] = pointers(Self::NAME, [self.op.image, self.weight])?;
        let shape = self.op.gpu_shape()?;
        gpu::stem(queue, out.format, shape, image, weight, out.pointer)
    }

    fn extent(&self) -> [usize; 2] {
        let s = self.op.shape;
        [s.n * s.oh * s.ow, s.cout]
    }

    fn like(&self) -> &Tensor {
        self.weight
    }
}

/// Writes `[O, 3, 3, 3]`.
impl CudaKernel for Backward<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let [image] = pointers(Self::NAME, [self.op.image])?;
        let format = format_of(self.upstream.gradient.dtype());
        let upstream = upstream(Self::NAME, self.upstream)?;
        let shape = self.op.gpu_shape()?;
        gpu::stem_backward(queue, format, shape, upstream, image, out.float(Self::NAME)?)
    }
}
