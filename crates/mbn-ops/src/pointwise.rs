//! 1x1 convolution.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{Device, Result, Tensor};

use crate::cpu::{pointwise as cpu, pointwise_backward as cpu_backward};
use crate::double;
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, launch, parameter_type};
use crate::normalization::{Activation, BatchNorm, BatchStatistics, Normalization};
use crate::normalization::{ParameterGradients, Upstream, normalized};
use crate::readers::{ActivationReader, UpstreamReader, statistics};

/// 1x1 convolution of the activation `input`, `[N, H, W, I]`, with `weight` `[O, I, 1, 1]`. Writes `out`,
/// `[N, H, W, O]` in the format of the input, and returns its statistics.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn pointwise(input: Activation, weight: &Tensor, out: &Tensor) -> Result<BatchStatistics> {
    launch(&Forward(Pointwise::new(input, weight, out)?), out)
}

/// [`pointwise`] with the batch norm after it: the statistics enter the `running` ones. On CUDA, where all of it is one
/// launch more than the convolution, those are changed in place.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn pointwise_normalized(
    input: Activation,
    weight: &Tensor,
    norm: &BatchNorm,
    running: &mut BatchStatistics,
    out: &Tensor,
) -> Result<Normalization> {
    normalized!(Forward(Pointwise::new(input, weight, out)?), norm, running, out)
}

/// Gradients of [`pointwise`]. Writes to `out` the gradient of batch norm's result in the layer before, in the
/// shape and format of the input; returns the gradient of the weight, and those of that batch norm's parameters.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn pointwise_backward(
    upstream: Upstream,
    input: Activation,
    weight: &Tensor,
    out: &Tensor,
) -> Result<(Tensor, ParameterGradients)> {
    let op = Pointwise::new(input, weight, upstream.activation.raw)?;
    expect_shape(Backward::NAME, "the input's gradient", out, input.raw.dims())?;
    expect_type(Backward::NAME, out, input.raw.dtype())?;
    upstream.check(Backward::NAME)?;
    launch(&Backward { op, upstream }, out)
}

#[derive(Clone, Copy)]
struct Pointwise<'a> {
    input: Activation<'a>,
    weight: &'a Tensor,
    cin: usize,
    cout: usize,
    /// Of an image.
    pixels: usize,
}

impl<'a> Pointwise<'a> {
    fn new(input: Activation<'a>, weight: &'a Tensor, out: &Tensor) -> Result<Self> {
        let name = Forward::NAME;
        let (n, h, w, cin) = input.check(name)?;
        let (cout, ..) = weight.dims4()?;
        expect_shape(name, "weight", weight, &[cout, cin, 1, 1])?;
        expect_type(name, weight, parameter_type(input.raw.dtype()))?;
        expect_shape(name, "the result", out, &[n, h, w, cout])?;
        expect_type(name, out, input.raw.dtype())?;
        Ok(Self {
            input,
            weight,
            cin,
            cout,
            pixels: h * w,
        })
    }

    fn double(&self) -> double::convolution::Pointwise {
        double::convolution::Pointwise {
            pixels: self.pixels,
            cin: self.cin,
            cout: self.cout,
        }
    }
}

struct Forward<'a>(Pointwise<'a>);

impl Kernel for Forward<'_> {
    const NAME: &'static str = "pointwise";
    type Side = BatchStatistics;

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Pointwise { cin, cout, .. } = self.0;
        let input = ActivationReader::new(Self::NAME, self.0.input)?;
        let weight = Reader::new(Self::NAME, self.0.weight)?;
        let sums = cpu::forward(out, input.raw()?, input.constants()?, weight.values()?, cin, cout);
        statistics(&sums, out.len() / cout)
    }

    fn double(&self, out: &mut [f64]) -> Result<BatchStatistics> {
        let Pointwise {
            input, weight, cout, ..
        } = self.0;
        double::forward(Self::NAME, &self.0.double(), out, input, weight, cout)
    }
}

struct Backward<'a> {
    op: Pointwise<'a>,
    upstream: Upstream<'a>,
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "pointwise-backward";
    type Side = (Tensor, ParameterGradients);

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<(Tensor, ParameterGradients)> {
        let Pointwise { cin, cout, .. } = self.op;
        let input = ActivationReader::new(Self::NAME, self.op.input)?;
        let upstream = UpstreamReader::new(Self::NAME, self.upstream)?;
        let weight = Reader::new(Self::NAME, self.op.weight)?;
        let (constants, weight) = (input.constants()?, weight.values()?);
        let (dw, sums) = cpu_backward::backward(
            out,
            input.raw()?,
            constants,
            upstream.values()?,
            weight,
            cin,
            cout,
        );
        let dw = Tensor::from_vec(dw, (cout, cin, 1, 1), &Device::Cpu)?;
        Ok((dw, input.parameter_gradients(&sums)?))
    }

    fn double(&self, out: &mut [f64]) -> Result<(Tensor, ParameterGradients)> {
        let Pointwise { input, weight, .. } = self.op;
        double::backward(Self::NAME, &self.op.double(), out, self.upstream, input, weight)
    }
}
