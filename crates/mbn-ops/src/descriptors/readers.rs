//! Activations and gradients as the CPU's kernels see them.

use candle_core::{Device, Result, Tensor};

use super::kernel::Reader;
use crate::cpu::normalization::{Constants, InputGradient};
use crate::cpu::sums::Sums;
use crate::cpu::upstream::Upstream as CpuUpstream;
use crate::operands::element::Element;
use crate::operands::layer::{BatchStatistics, LazyActivation, ParameterGradients, Upstream};

/// Read access to an activation.
pub(crate) struct LazyActivationReader<'a> {
    raw: Reader<'a>,
    constants: Reader<'a>,
    max: f32,
}

impl<'a> LazyActivationReader<'a> {
    pub fn new(op: &'static str, activation: LazyActivation<'a>) -> Result<Self> {
        Ok(Self {
            raw: Reader::new(op, activation.raw)?,
            constants: Reader::new(op, &activation.normalization.constants)?,
            max: activation.normalization.max,
        })
    }

    /// The convolution's result.
    pub fn raw<T: Element>(&self) -> Result<&[T]> {
        self.raw.values()
    }

    /// The batch norm and activation after it.
    pub fn constants(&self) -> Result<Constants<'_>> {
        Ok(Constants::new(self.constants.values()?, self.max))
    }

    /// The gradients of batch norm's parameters from the sums of the gradient and of its product with the centred
    /// values.
    pub fn parameter_gradients(&self, sums: &Sums) -> Result<ParameterGradients> {
        let inv_std = self.constants()?.inv_std;
        let (sums, products) = sums.split();
        let gamma: Vec<f32> = products
            .iter()
            .zip(inv_std)
            .map(|(product, inv_std)| (product * f64::from(*inv_std)) as f32)
            .collect();
        let beta: Vec<f32> = sums.iter().map(|sum| *sum as f32).collect();
        Ok(ParameterGradients {
            gamma: vector(gamma)?,
            beta: vector(beta)?,
        })
    }
}

/// Read access to the gradient of a convolution's result.
pub(crate) struct UpstreamReader<'a> {
    activation: LazyActivationReader<'a>,
    gradient: Reader<'a>,
    map: InputGradient,
}

impl<'a> UpstreamReader<'a> {
    pub fn new(op: &'static str, upstream: Upstream<'a>) -> Result<Self> {
        let activation = LazyActivationReader::new(op, upstream.activation)?;
        let gamma = Reader::new(op, &upstream.parameters.gamma)?;
        let beta = Reader::new(op, &upstream.parameters.beta)?;
        let rows = upstream.gradient.elem_count() / upstream.parameters.beta.elem_count();
        let map = InputGradient::new(activation.constants()?, gamma.values()?, beta.values()?, rows);
        Ok(Self {
            activation,
            gradient: Reader::new(op, upstream.gradient)?,
            map,
        })
    }

    pub fn values<T: Element>(&self) -> Result<CpuUpstream<'_, T>> {
        Ok(CpuUpstream {
            raw: self.activation.raw()?,
            gradient: self.gradient.values()?,
            map: &self.map,
        })
    }
}

/// The statistics of `rows` rows from their sums and sums of squares.
pub(crate) fn statistics(sums: &Sums, rows: usize) -> Result<BatchStatistics> {
    let (mean, variance) = sums.moments(rows);
    Ok(BatchStatistics {
        mean: vector(mean)?,
        variance: vector(variance)?,
    })
}

/// A tensor of one dimension on the CPU.
fn vector(values: Vec<f32>) -> Result<Tensor> {
    let len = values.len();
    Tensor::from_vec(values, len, &Device::Cpu)
}
