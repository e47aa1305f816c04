//! 1x1 convolution.

use candle_core::{Device, Result, Tensor};

use super::kernel::{Kernel, Reader};
use super::readers::{LazyActivationReader, UpstreamReader, statistics};
use crate::cpu::{pointwise as cpu, pointwise_backward as cpu_backward};
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::element::Element;
use crate::operands::layer::{BatchStatistics, LazyActivation, ParameterGradients, Upstream};

/// The convolution, of operands that fit.
#[derive(Clone, Copy)]
pub(crate) struct Pointwise<'a> {
    pub input: LazyActivation<'a>,
    pub weight: &'a Tensor,
    pub cin: usize,
    pub cout: usize,
}

impl<'a> Pointwise<'a> {
    fn new(input: LazyActivation<'a>, weight: &'a Tensor, out: &Tensor) -> Result<Self> {
        let name = Forward::NAME;
        let (n, h, w, cin) = input.check(name)?;
        let (cout, ..) = weight.dims4()?;
        expect_floats(name, &[("weight", weight)], &[cout, cin, 1, 1])?;
        expect_shape(name, "the result", out, &[n, h, w, cout])?;
        expect_type(name, "the result", out, input.raw.dtype())?;
        Ok(Self {
            input,
            weight,
            cin,
            cout,
        })
    }

    fn tensors(&self) -> impl Iterator<Item = &'a Tensor> {
        self.input.tensors().into_iter().chain([self.weight])
    }
}

/// Writes the result.
pub(crate) struct Forward<'a>(pub Pointwise<'a>);

impl<'a> Forward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(input: LazyActivation<'a>, weight: &'a Tensor, out: &Tensor) -> Result<Self> {
        Pointwise::new(input, weight, out).map(Self)
    }
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "pointwise";
    type Side = BatchStatistics;

    fn inputs(&self) -> Vec<&Tensor> {
        self.0.tensors().collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<BatchStatistics> {
        let Pointwise { cin, cout, .. } = self.0;
        let input = LazyActivationReader::new(Self::NAME, self.0.input)?;
        let weight = Reader::new(Self::NAME, self.0.weight)?;
        let sums = cpu::forward(out, input.raw()?, input.constants()?, weight.values()?, cin, cout);
        statistics(&sums, out.len() / cout)
    }
}

/// Writes the gradient of batch norm's result in the layer before.
pub(crate) struct Backward<'a> {
    pub op: Pointwise<'a>,
    pub upstream: Upstream<'a>,
}

impl<'a> Backward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(
        upstream: Upstream<'a>,
        input: LazyActivation<'a>,
        weight: &'a Tensor,
        out: &Tensor,
    ) -> Result<Self> {
        upstream.check(Self::NAME)?;
        let op = Pointwise::new(input, weight, upstream.activation.raw)?;
        expect_shape(Self::NAME, "the input's gradient", out, input.raw.dims())?;
        expect_type(Self::NAME, "the input's gradient", out, input.raw.dtype())?;
        Ok(Self { op, upstream })
    }
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "pointwise-backward";
    type Side = (Tensor, ParameterGradients);

    fn inputs(&self) -> Vec<&Tensor> {
        self.op.tensors().chain(self.upstream.tensors()).collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<(Tensor, ParameterGradients)> {
        let Pointwise { cin, cout, .. } = self.op;
        let input = LazyActivationReader::new(Self::NAME, self.op.input)?;
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
}
