//! Depthwise 3x3 convolution.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{Device, Result, Tensor};

use crate::Conv3x3;
use crate::cpu::depthwise::{self as cpu, taps_first};
use crate::cpu::depthwise_backward as cpu_backward;
use crate::double;
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, launch, parameter_type};
use crate::normalization::{Activation, BatchNorm, BatchStatistics, Normalization};
use crate::normalization::{ParameterGradients, Upstream, normalized};
use crate::readers::{ActivationReader, UpstreamReader, statistics};

/// Depthwise 3x3 convolution of the activation `input`, `[N, H, W, C]`, with `weight` `[C, 1, 3, 3]`. Writes
/// `out`, `[N, OH, OW, C]` in the format of the input, and returns its statistics.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn depthwise(input: Activation, weight: &Tensor, conv: Conv3x3, out: &Tensor) -> Result<BatchStatistics> {
    launch(&Forward(Depthwise::new(input, weight, conv, out)?), out)
}

/// [`depthwise`] with the batch norm after it: the statistics enter the `running` ones. On CUDA, where all of it is one
/// launch more than the convolution, those are changed in place.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn depthwise_normalized(
    input: Activation,
    weight: &Tensor,
    conv: Conv3x3,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    normalized!(
        Forward(Depthwise::new(input, weight, conv, out)?),
        norm,
        running,
        out
    )
}

/// Gradients of [`depthwise`]. Writes to `out` the gradient of batch norm's result in the layer before, in the
/// shape and format of the input; returns the gradient of the weight, and those of that batch norm's parameters.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn depthwise_backward(
    upstream: Upstream,
    input: Activation,
    weight: &Tensor,
    conv: Conv3x3,
    out: &Tensor,
) -> Result<(Tensor, ParameterGradients)> {
    let op = Depthwise::new(input, weight, conv, upstream.activation.raw)?;
    expect_shape(Backward::NAME, "the input's gradient", out, input.raw.dims())?;
    expect_type(Backward::NAME, out, input.raw.dtype())?;
    upstream.check(Backward::NAME)?;
    launch(&Backward { op, upstream }, out)
}

#[derive(Clone, Copy)]
struct Depthwise<'a> {
    input: Activation<'a>,
    weight: &'a Tensor,
    conv: Conv3x3,
    shape: cpu::Shape,
}

impl<'a> Depthwise<'a> {
    fn new(input: Activation<'a>, weight: &'a Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let name = Forward::NAME;
        let (n, h, w, c) = input.check(name)?;
        expect_shape(name, "weight", weight, &[c, 1, 3, 3])?;
        expect_type(name, weight, parameter_type(input.raw.dtype()))?;
        let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
        expect_shape(name, "the result", out, &[n, oh, ow, c])?;
        expect_type(name, out, input.raw.dtype())?;
        let shape = cpu::Shape { n, h, w, c, oh, ow };
        Ok(Self {
            input,
            weight,
            conv,
            shape,
        })
    }

    fn double(&self) -> double::convolution::Depthwise {
        double::convolution::Depthwise {
            conv: self.conv,
            shape: self.shape,
        }
    }

    fn taps(&self) -> Result<Vec<f32>> {
        let weight = Reader::new(Forward::NAME, self.weight)?;
        Ok(taps_first(weight.values()?, self.shape.c))
    }
}

struct Forward<'a>(Depthwise<'a>);

impl Kernel for Forward<'_> {
    const NAME: &'static str = "depthwise";
    type Side = BatchStatistics;

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Depthwise { conv, shape, .. } = self.0;
        let input = ActivationReader::new(Self::NAME, self.0.input)?;
        let sums = cpu::forward(
            out,
            input.raw()?,
            input.constants()?,
            &self.0.taps()?,
            conv,
            shape,
        );
        statistics(&sums, out.len() / shape.c)
    }

    fn double(&self, out: &mut [f64]) -> Result<BatchStatistics> {
        let Depthwise {
            input, weight, shape, ..
        } = self.0;
        double::forward(Self::NAME, &self.0.double(), out, input, weight, shape.c)
    }
}

struct Backward<'a> {
    op: Depthwise<'a>,
    upstream: Upstream<'a>,
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "depthwise-backward";
    type Side = (Tensor, ParameterGradients);

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<(Tensor, ParameterGradients)> {
        let Depthwise { conv, shape, .. } = self.op;
        let input = ActivationReader::new(Self::NAME, self.op.input)?;
        let upstream = UpstreamReader::new(Self::NAME, self.upstream)?;
        let (constants, taps) = (input.constants()?, self.op.taps()?);
        let (dw, sums) = cpu_backward::backward(
            out,
            input.raw()?,
            constants,
            upstream.values()?,
            &taps,
            conv,
            shape,
        );
        let dw = Tensor::from_vec(dw, (3, 3, shape.c), &Device::Cpu)?
            .permute((2, 0, 1))?
            .reshape((shape.c, 1, 3, 3))?;
        Ok((dw, input.parameter_gradients(&sums)?))
    }

    fn double(&self, out: &mut [f64]) -> Result<(Tensor, ParameterGradients)> {
        let Depthwise { input, weight, .. } = self.op;
        double::backward(Self::NAME, &self.op.double(), out, self.upstream, input, weight)
    }
}
