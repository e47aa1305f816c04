//! The folded layers on CUDA.

use candle_core::Result;

use super::launch::{CudaKernel, Destination};
use super::queue::Held;
use super::tensors::pointers;
use crate::descriptors::inference::{Separable, Stem};
use crate::descriptors::kernel::Kernel;
use crate::kernels::{self, ConvShape, ElementType, Pointer, Slot, Stream};
use crate::operands::fused::FusedConv;

/// Weight and bias.
fn parameters(op: &str, fused: &FusedConv) -> Result<[Pointer; 2]> {
    pointers(op, [&fused.weight, &fused.bias])
}

impl CudaKernel for Stem<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let shape = self.op.conv_shape()?;
        let [image] = pointers(Self::NAME, [self.op.image])?;
        let fused = parameters(Self::NAME, self.fused)?;
        let max = self.fused.max;
        kernels::stem_fused(queue, out.element, shape, image, fused, max, out.pointer)
    }
}

impl CudaKernel for Separable<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let s = self.shape;
        let shape = ConvShape::new([s.n, s.h, s.w, s.c], self.conv)?;
        let rows = s.n * s.oh * s.ow;
        let [x] = pointers(Self::NAME, [self.x])?;
        let middle = queue.scratch(Slot::Input, rows * s.c * ElementType::F32.bytes())?;
        let first = parameters(Self::NAME, self.depthwise)?;
        kernels::depthwise_fused(queue, out.element, shape, x, first, self.depthwise.max, middle)?;
        let pointwise = &self.pointwise.conv;
        let second = parameters(Self::NAME, pointwise)?;
        let extent = [rows, s.c, self.pointwise.channels()];
        kernels::pointwise_fused(
            queue,
            out.element,
            extent,
            middle,
            second,
            pointwise.max,
            out.pointer,
        )
    }
}
