//! Dense 3x3 convolution on the image.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{DType, Result, Tensor};

use crate::Conv3x3;
use crate::cpu::stem::{self as cpu, taps_first};
use crate::cpu::stem_backward as cpu_backward;
use crate::double;
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, launch, parameter_type};
use crate::normalization::{BatchNorm, BatchStatistics, Normalization, Upstream, normalized};
use crate::readers::{UpstreamReader, statistics};

/// 3x3 convolution of `image` `[N, 3, H, W]` with `weight` `[O, 3, 3, 3]`, both float32. Writes `out`,
/// `[N, OH, OW, O]` in float32 or bfloat16, and returns its statistics; or all in float64.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn stem(image: &Tensor, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<BatchStatistics> {
    launch(
        &Forward {
            op: Stem::new(image, weight, conv, out)?,
            weight,
        },
        out,
    )
}

/// [`stem`] with the batch norm after it: the statistics enter the `running` ones. On CUDA, where all of it is one
/// launch more than the convolution, those are changed in place.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn stem_normalized(
    image: &Tensor,
    weight: &Tensor,
    conv: Conv3x3,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    let op = Stem::new(image, weight, conv, out)?;
    normalized!(Forward { op, weight }, norm, running, out)
}

/// The gradient of [`stem`]'s weight. The image's is not formed: nothing needs it.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn stem_backward(upstream: Upstream, image: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Tensor> {
    let op = Stem::new(image, weight, conv, upstream.activation.raw)?;
    upstream.check(Backward::NAME)?;
    if image.device().is_cuda() {
        // The kernel sums each weight on its own, so that their order is free.
        let dw = Tensor::zeros(weight.shape(), weight.dtype(), image.device())?;
        launch(&Backward { op, upstream }, &dw)?;
        return Ok(dw);
    }
    let taps = Tensor::zeros((3, 3, 3, op.shape.cout), weight.dtype(), image.device())?;
    launch(&Backward { op, upstream }, &taps)?;
    taps.permute((3, 0, 1, 2))?.contiguous()
}

/// The image's shape and that of the result `out`, if they fit.
pub(crate) fn shape(image: &Tensor, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<cpu::Shape> {
    let (n, channels, h, w) = image.dims4()?;
    let (cout, ..) = weight.dims4()?;
    expect_shape(Forward::NAME, "the image", image, &[n, 3, h, w])?;
    expect_shape(Forward::NAME, "weight", weight, &[cout, channels, 3, 3])?;
    expect_type(Forward::NAME, image, parameter_type(out.dtype()))?;
    expect_type(Forward::NAME, weight, parameter_type(out.dtype()))?;
    let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
    expect_shape(Forward::NAME, "the result", out, &[n, oh, ow, cout])?;
    Ok(cpu::Shape {
        n,
        h,
        w,
        cout,
        oh,
        ow,
    })
}

struct Stem<'a> {
    image: &'a Tensor,
    conv: Conv3x3,
    shape: cpu::Shape,
}

impl<'a> Stem<'a> {
    fn new(image: &'a Tensor, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let shape = shape(image, weight, conv, out)?;
        Ok(Self { image, conv, shape })
    }

    fn double(&self) -> double::convolution::Stem {
        double::convolution::Stem {
            conv: self.conv,
            shape: self.shape,
        }
    }
}

struct Forward<'a> {
    op: Stem<'a>,
    weight: &'a Tensor,
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "stem";
    type Side = BatchStatistics;

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Stem { image, conv, shape } = self.op;
        let weight = Reader::new(Self::NAME, self.weight)?;
        let image = Reader::new(Self::NAME, image)?;
        let taps = taps_first(weight.values()?, shape.cout);
        let sums = cpu::forward(out, image.values()?, &taps, conv, shape);
        statistics(&sums, out.len() / shape.cout)
    }

    fn double(&self, out: &mut [f64]) -> Result<BatchStatistics> {
        double::stem_forward(Self::NAME, &self.op.double(), out, self.op.image, self.weight)
    }
}

/// Writes `[3, 3, 3, O]`, on CUDA `[O, 3, 3, 3]`.
struct Backward<'a> {
    op: Stem<'a>,
    upstream: Upstream<'a>,
}

impl Backward<'_> {
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

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let taps = match self.upstream.gradient.dtype() {
            DType::BF16 => self.taps::<half::bf16>()?,
            _ => self.taps::<f32>()?,
        };
        out.iter_mut()
            .zip(taps)
            .for_each(|(out, tap)| *out = T::from_f32(tap));
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        double::stem_weight_gradient(Self::NAME, &self.op.double(), out, self.upstream, self.op.image)
    }
}
