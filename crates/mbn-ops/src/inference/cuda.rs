//! The folded layers on CUDA.

use candle_core::Result;

use super::{FusedConv, Separable, Stem};
use crate::cuda::{CudaKernel, Held, Target, pointers};
use crate::gpu::{self, Format, Pointer, Shape, Slot, Stream};
use crate::launch::Kernel;

/// Weight and bias.
fn parameters(op: &str, fused: &FusedConv) -> Result<[Pointer; 2]> {
    pointers(op, [&fused.weight, &fused.bias])
}

impl CudaKernel for Stem<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let s = self.shape;
        let shape = Shape::new([s.n, s.h, s.w, s.cout], self.conv)?;
        let [image] = pointers(Self::NAME, [self.image])?;
        let fused = parameters(Self::NAME, self.fused)?;
        let max = self.fused.max;
        gpu::stem_fused(queue, out.format, shape, image, fused, max, out.pointer)
    }
}

impl CudaKernel for Separable<'_> {
    fn cuda(&self, queue: &Held, out: Target) -> Result<()> {
        let s = self.shape;
        let shape = Shape::new([s.n, s.h, s.w, s.c], self.conv)?;
        let rows = s.n * s.oh * s.ow;
        let [x] = pointers(Self::NAME, [self.x])?;
        let middle = queue.scratch(Slot::Input, rows * s.c * Format::F32.bytes())?;
        let first = parameters(Self::NAME, self.depthwise)?;
        gpu::depthwise_fused(queue, out.format, shape, x, first, self.depthwise.max, middle)?;
        let pointwise = &self.pointwise.conv;
        let second = parameters(Self::NAME, pointwise)?;
        let extent = [rows, s.c, self.pointwise.channels()];
        gpu::pointwise_fused(
            queue,
            out.format,
            extent,
            middle,
            second,
            pointwise.max,
            out.pointer,
        )
    }
}
