//! Dense 3x3 convolution on the image.

use candle_core::{DType, Result, Tensor};
use half::bf16;

use super::kernel::{Kernel, Reader};
use super::readers::{UpstreamReader, statistics};
use crate::cpu::stem as cpu;
use crate::cpu::stem_backward as cpu_backward;
use crate::operands::checks::{expect_activation, expect_floats, expect_shape};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::layer::{BatchStatistics, Upstream};
use crate::operands::shapes::StemShape;

/// The convolution, of operands that fit.
pub(crate) struct Stem<'a> {
    pub image: &'a Tensor,
    pub conv: Conv3x3,
    pub shape: StemShape,
}

impl<'a> Stem<'a> {
    /// An error unless `weight` and `out` fit the image.
    pub fn new(image: &'a Tensor, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let (n, channels, h, w) = image.dims4()?;
        let (cout, ..) = weight.dims4()?;
        expect_floats(Forward::NAME, &[("the image", image)], &[n, 3, h, w])?;
        expect_floats(Forward::NAME, &[("weight", weight)], &[cout, channels, 3, 3])?;
        let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
        expect_shape(Forward::NAME, "the result", out, &[n, oh, ow, cout])?;
        expect_activation(Forward::NAME, "the result", out)?;
        let shape = StemShape {
            n,
            h,
            w,
            cout,
            oh,
            ow,
        };
        Ok(Self { image, conv, shape })
    }
}

/// Writes the result.
pub(crate) struct Forward<'a> {
    pub op: Stem<'a>,
    pub weight: &'a Tensor,
}

impl<'a> Forward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(image: &'a Tensor, weight: &'a Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let op = Stem::new(image, weight, conv, out)?;
        Ok(Self { op, weight })
    }
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "stem";
    type Side = BatchStatistics;

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.op.image, self.weight]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Stem { image, conv, shape } = self.op;
        let weight = Reader::new(Self::NAME, self.weight)?;
        let image = Reader::new(Self::NAME, image)?;
        let sums = cpu::forward(out, image.values()?, weight.values()?, conv, shape);
        statistics(&sums, out.len() / shape.cout)
    }
}

/// Writes the gradient of the weight: `[3, 3, 3, O]` on the CPU, `[O, 3, 3, 3]` on CUDA.
pub(crate) struct Backward<'a> {
    pub op: Stem<'a>,
    pub upstream: Upstream<'a>,
}

impl<'a> Backward<'a> {
    /// An error unless everything fits.
    pub fn new(upstream: Upstream<'a>, image: &'a Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Self> {
        upstream.check(Self::NAME)?;
        let op = Stem::new(image, weight, conv, upstream.activation.raw)?;
        Ok(Self { op, upstream })
    }

    fn taps<T: Element>(&self) -> Result<Vec<f32>> {
        let Stem { image, conv, shape } = self.op;
        let image = Reader::new(Self::NAME, image)?;
        let upstream = UpstreamReader::new(Self::NAME, self.upstream)?;
        Ok(cpu_backward::weight_gradient(
            image.values()?,
            upstream.values::<T>()?,
            conv,
            shape,
        ))
    }
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "stem-backward";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        let upstream = self.upstream.tensors();
        upstream.into_iter().chain([self.op.image]).collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let taps = match self.upstream.gradient.dtype() {
            DType::BF16 => self.taps::<bf16>()?,
            _ => self.taps::<f32>()?,
        };
        out.iter_mut()
            .zip(taps)
            .for_each(|(out, tap)| *out = T::from_f32(tap));
        Ok(())
    }
}
