//! The first convolution on CUDA.

use candle_core::{Result, Tensor};

use super::launch::{CudaKernel, Destination, element_of};
use super::queue::Held;
use super::statistics::Convolution;
use super::tensors::{pointers, upstream};
use crate::descriptors::kernel::Kernel;
use crate::descriptors::stem::{Backward, Forward, Stem};
use crate::kernels::{self, ConvShape, Sums};

impl Stem<'_> {
    pub(super) fn conv_shape(&self) -> Result<ConvShape> {
        let s = self.shape;
        ConvShape::new([s.n, s.h, s.w, s.cout], self.conv)
    }
}

impl Convolution for Forward<'_> {
    fn convolve(&self, queue: &Held, out: Destination) -> Result<Sums> {
        let [image, weight] = pointers(Self::NAME, [self.op.image, self.weight])?;
        let shape = self.op.conv_shape()?;
        kernels::stem(queue, out.element, shape, image, weight, out.pointer)
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
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let [image] = pointers(Self::NAME, [self.op.image])?;
        let element = element_of(Self::NAME, self.upstream.activation.raw.dtype())?;
        let upstream = upstream(Self::NAME, self.upstream, element)?;
        let shape = self.op.conv_shape()?;
        kernels::stem_backward(queue, element, shape, upstream, image, out.float(Self::NAME)?)
    }
}
