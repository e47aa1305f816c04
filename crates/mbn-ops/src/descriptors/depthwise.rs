//! Depthwise 3x3 convolution.

use candle_core::{Device, Result, Tensor};

use super::kernel::{Kernel, Reader};
use super::readers::{LazyActivationReader, UpstreamReader, statistics};
use crate::cpu::depthwise::{self as cpu, taps_first};
use crate::cpu::depthwise_backward as cpu_backward;
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::layer::{BatchStatistics, LazyActivation, ParameterGradients, Upstream};
use crate::operands::shapes::DepthwiseShape;

/// The convolution, of operands that fit.
#[derive(Clone, Copy)]
pub(crate) struct Depthwise<'a> {
    pub input: LazyActivation<'a>,
    pub weight: &'a Tensor,
    pub conv: Conv3x3,
    pub shape: DepthwiseShape,
}

impl<'a> Depthwise<'a> {
    fn new(input: LazyActivation<'a>, weight: &'a Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let name = Forward::NAME;
        let (n, h, w, c) = input.check(name)?;
        expect_floats(name, &[("weight", weight)], &[c, 1, 3, 3])?;
        let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
        expect_shape(name, "the result", out, &[n, oh, ow, c])?;
        expect_type(name, "the result", out, input.raw.dtype())?;
        let shape = DepthwiseShape { n, h, w, c, oh, ow };
        Ok(Self {
            input,
            weight,
            conv,
            shape,
        })
    }

    fn tensors(&self) -> impl Iterator<Item = &'a Tensor> {
        self.input.tensors().into_iter().chain([self.weight])
    }

    fn taps(&self) -> Result<Vec<f32>> {
        let weight = Reader::new(Forward::NAME, self.weight)?;
        Ok(taps_first(weight.values()?, self.shape.c))
    }
}

/// Writes the result.
pub(crate) struct Forward<'a>(pub Depthwise<'a>);

impl<'a> Forward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(input: LazyActivation<'a>, weight: &'a Tensor, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        Depthwise::new(input, weight, conv, out).map(Self)
    }
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "depthwise";
    type Side = BatchStatistics;

    fn inputs(&self) -> Vec<&Tensor> {
        self.0.tensors().collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Depthwise { conv, shape, .. } = self.0;
        let input = LazyActivationReader::new(Self::NAME, self.0.input)?;
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
}

/// Writes the gradient of batch norm's result in the layer before.
pub(crate) struct Backward<'a> {
    pub op: Depthwise<'a>,
    pub upstream: Upstream<'a>,
}

impl<'a> Backward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(
        upstream: Upstream<'a>,
        input: LazyActivation<'a>,
        weight: &'a Tensor,
        conv: Conv3x3,
        out: &Tensor,
    ) -> Result<Self> {
        upstream.check(Self::NAME)?;
        let op = Depthwise::new(input, weight, conv, upstream.activation.raw)?;
        expect_shape(Self::NAME, "the input's gradient", out, input.raw.dims())?;
        expect_type(Self::NAME, "the input's gradient", out, input.raw.dtype())?;
        Ok(Self { op, upstream })
    }
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "depthwise-backward";
    type Side = (Tensor, ParameterGradients);

    fn inputs(&self) -> Vec<&Tensor> {
        self.op.tensors().chain(self.upstream.tensors()).collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<(Tensor, ParameterGradients)> {
        let Depthwise { conv, shape, .. } = self.op;
        let input = LazyActivationReader::new(Self::NAME, self.op.input)?;
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
}
