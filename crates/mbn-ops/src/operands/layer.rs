//! A layer's batch norm and activation, which no kernel stores: the next kernel applies them as it loads.

use candle_core::{Result, Tensor};

use super::checks::{expect_activation, expect_floats, expect_shape, expect_type};

/// Mean and biased variance of each channel.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// `[C]`
    pub mean: Tensor,
    /// `[C]`, divided by the number of values.
    pub variance: Tensor,
}

/// One layer's batch norm and activation, `min(max(0, (x - mean) / sqrt(variance + epsilon) gamma + beta), max)`,
/// in the form that kernels need.
#[derive(Clone, Debug)]
pub struct Normalization {
    pub(crate) constants: Tensor,
    pub(crate) max: f32,
}

impl Normalization {
    /// `[4, C]`, float32: mean, `1 / sqrt(variance + epsilon)`, scale `gamma / sqrt(variance + epsilon)` and shift
    /// `beta - mean scale`.
    pub fn constants(&self) -> &Tensor {
        &self.constants
    }

    /// Upper bound of the activation.
    pub fn max(&self) -> f32 {
        self.max
    }
}

/// A batch norm in training, with the activation after it.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a> {
    /// `[C]`
    pub gamma: &'a Tensor,
    /// `[C]`
    pub beta: &'a Tensor,
    /// Added to the variance.
    pub epsilon: f64,
    /// Upper bound of the activation: infinity for ReLU, 6 for ReLU6.
    pub max: f32,
    /// Weight of the batch in the running statistics.
    pub momentum: f64,
}

/// An activation that kernels compute as they load it, given by the convolution's result `[N, H, W, C]` and what
/// follows it.
#[derive(Clone, Copy, Debug)]
pub struct LazyActivation<'a> {
    /// The convolution's result, float32 or bfloat16.
    pub raw: &'a Tensor,
    /// Batch norm and activation.
    pub normalization: &'a Normalization,
}

/// The gradient of a convolution's result, which kernels compute as they load, given by the gradient of the batch norm's
/// result.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The convolution's layer.
    pub activation: LazyActivation<'a>,
    /// Gradient of the batch norm's result, before the activation: `[N, H, W, C]`, of the activation's type.
    pub gradient: &'a Tensor,
    /// The sums of that gradient.
    pub parameters: &'a ParameterGradients,
}

/// Gradients of batch norm's parameters. They are also the two sums that its input's gradient needs.
#[derive(Clone, Debug)]
pub struct ParameterGradients {
    /// `[C]`, float32.
    pub gamma: Tensor,
    /// `[C]`, float32.
    pub beta: Tensor,
}

impl BatchNorm<'_> {
    /// An error unless the parameters and the running statistics are those of `c` channels.
    pub(crate) fn check(&self, op: &str, c: usize, running: &BatchStatistics) -> Result<()> {
        let named = [
            ("gamma", self.gamma),
            ("beta", self.beta),
            ("the running mean", &running.mean),
            ("the running variance", &running.variance),
        ];
        expect_floats(op, &named, &[c])
    }
}

impl<'a> LazyActivation<'a> {
    /// `[N, H, W, C]`, if the constants fit.
    pub(crate) fn check(&self, op: &str) -> Result<(usize, usize, usize, usize)> {
        let dims = self.raw.dims4()?;
        let constants = &self.normalization.constants;
        expect_floats(op, &[("normalization", constants)], &[4, dims.3])?;
        expect_activation(op, "the activation", self.raw)?;
        Ok(dims)
    }

    pub(crate) fn tensors(self) -> [&'a Tensor; 2] {
        [self.raw, &self.normalization.constants]
    }
}

impl<'a> Upstream<'a> {
    /// An error unless shapes and types fit.
    pub(crate) fn check(&self, op: &str) -> Result<()> {
        let (.., c) = self.activation.check(op)?;
        expect_shape(op, "gradient", self.gradient, self.activation.raw.dims())?;
        expect_type(op, "gradient", self.gradient, self.activation.raw.dtype())?;
        let ParameterGradients { gamma, beta } = self.parameters;
        expect_floats(
            op,
            &[("gradient of gamma", gamma), ("gradient of beta", beta)],
            &[c],
        )
    }

    pub(crate) fn tensors(self) -> [&'a Tensor; 5] {
        let [raw, constants] = self.activation.tensors();
        let ParameterGradients { gamma, beta } = self.parameters;
        [raw, constants, self.gradient, gamma, beta]
    }
}
