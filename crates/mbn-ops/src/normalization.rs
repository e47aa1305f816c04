//! Batch norm with the activation after it, which no kernel stores: the next one applies it as it loads.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{Result, Tensor, WithDType};

use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, float_result, launch};

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
    /// `[4, C]`: see [`crate::cpu::normalization::Constants`].
    pub(crate) constants: Tensor,
    pub(crate) max: f32,
}

impl Normalization {
    /// `gamma` and `beta` are `[C]`, all tensors float32 or all float64; `max` is infinity for ReLU, 6 for ReLU6.
    ///
    /// # Errors
    /// If shapes or formats do not fit.
    pub fn new(
        statistics: &BatchStatistics,
        gamma: &Tensor,
        beta: &Tensor,
        epsilon: f64,
        max: f32,
    ) -> Result<Self> {
        let c = gamma.dims1()?;
        let BatchStatistics { mean, variance } = statistics;
        for (name, tensor) in [("beta", beta), ("mean", mean), ("variance", variance)] {
            expect_shape(Build::NAME, name, tensor, &[c])?;
        }
        let constants = Tensor::zeros((4, c), gamma.dtype(), gamma.device())?;
        let build = Build {
            inputs: [mean, variance, gamma, beta],
            epsilon,
        };
        launch(&build, &constants)?;
        Ok(Self { constants, max })
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

impl BatchNorm<'_> {
    /// The normalization by `batch`, the statistics of `rows` rows, which enter the `running` ones: the variance
    /// divided by one less, since it is to estimate the population's.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not float32.
    pub fn apply(
        &self,
        batch: &BatchStatistics,
        rows: usize,
        running: &mut BatchStatistics,
    ) -> Result<Normalization> {
        let unbiased = (&batch.variance * (rows as f64 / (rows as f64 - 1.0).max(1.0)))?;
        let mix = |old: &Tensor, new: &Tensor| (old * (1.0 - self.momentum))? + (new * self.momentum)?;
        *running = BatchStatistics {
            mean: mix(&running.mean, &batch.mean)?,
            variance: mix(&running.variance, &unbiased)?,
        };
        Normalization::new(batch, self.gamma, self.beta, self.epsilon, self.max)
    }

    /// An error unless all is `[c]`.
    #[cfg(feature = "cuda")]
    pub(crate) fn check(&self, c: usize, running: &BatchStatistics) -> Result<()> {
        let tensors = [self.gamma, self.beta, &running.mean, &running.variance];
        for (name, tensor) in ["gamma", "beta", "mean", "variance"].into_iter().zip(tensors) {
            expect_shape(Build::NAME, name, tensor, &[c])?;
            expect_type(Build::NAME, tensor, candle_core::DType::F32)?;
        }
        Ok(())
    }
}

/// Runs a convolution and the batch norm after it.
macro_rules! normalized {
    ($forward:expr, $norm:expr, $running:expr, $out:expr) => {{
        let (forward, norm, running, out): (_, &BatchNorm, &mut BatchStatistics, &Tensor) =
            ($forward, $norm, $running, $out);
        #[cfg(feature = "cuda")]
        if out.device().is_cuda() {
            return crate::cuda::normalized(&forward, norm, running, out);
        }
        let rows = out.elem_count() / norm.gamma.elem_count().max(1);
        norm.apply(&launch(&forward, out)?, rows, running)
    }};
}
pub(crate) use normalized;

struct Build<'a> {
    /// Mean, variance, gamma, beta.
    inputs: [&'a Tensor; 4],
    epsilon: f64,
}

impl Build<'_> {
    fn write<T: WithDType>(&self, out: &mut [T]) -> Result<()> {
        let [mean, variance, gamma, beta] = self.inputs.map(|tensor| Reader::new(Self::NAME, tensor));
        let (mean, variance, gamma, beta) = (mean?, variance?, gamma?, beta?);
        let (mean, variance) = (mean.values::<T>()?, variance.values::<T>()?);
        let (gamma, beta) = (gamma.values::<T>()?, beta.values::<T>()?);
        let c = mean.len();
        for i in 0..c {
            // In float64: an error in the shift moves every value of a channel, and those near zero to the
            // other side of the activation's kink.
            let inv_std = 1.0 / (variance[i].to_f64() + self.epsilon).sqrt();
            let scale = inv_std * gamma[i].to_f64();
            let shift = beta[i].to_f64() - mean[i].to_f64() * scale;
            for (row, value) in [mean[i].to_f64(), inv_std, scale, shift].into_iter().enumerate() {
                out[row * c + i] = T::from_f64(value);
            }
        }
        Ok(())
    }
}

impl Kernel for Build<'_> {
    const NAME: &'static str = "normalization";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        self.write(float_result(Self::NAME, out)?)
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        self.write(out)
    }
}

/// The activation of a layer, given by its convolution's result `[N, H, W, C]` and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a> {
    /// The convolution's result, float32, bfloat16 or float64.
    pub raw: &'a Tensor,
    /// Batch norm and activation.
    pub normalization: &'a Normalization,
}

/// The gradient of the loss with respect to a convolution's result, given by that of what batch norm makes of it.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The layer whose convolution it is.
    pub activation: Activation<'a>,
    /// With respect to batch norm's result, before the activation: `[N, H, W, C]`, in the format of the
    /// activation.
    pub gradient: &'a Tensor,
    /// Its sums.
    pub parameters: &'a ParameterGradients,
}

/// Gradients of batch norm's parameters. They are also the two sums that its input's gradient needs.
#[derive(Clone, Debug)]
pub struct ParameterGradients {
    /// `[C]`, float32, or float64 where the activations are.
    pub gamma: Tensor,
    /// `[C]`, float32, or float64 where the activations are.
    pub beta: Tensor,
}

impl Activation<'_> {
    /// `[N, H, W, C]`, if the constants fit.
    pub(crate) fn check(&self, op: &str) -> Result<(usize, usize, usize, usize)> {
        let dims = self.raw.dims4()?;
        expect_shape(op, "normalization", &self.normalization.constants, &[4, dims.3])?;
        expect_type(op, self.raw, self.raw.dtype())?;
        Ok(dims)
    }
}

impl Upstream<'_> {
    /// An error unless shapes and formats fit.
    pub(crate) fn check(&self, op: &str) -> Result<()> {
        let (.., c) = self.activation.check(op)?;
        expect_shape(op, "gradient", self.gradient, self.activation.raw.dims())?;
        expect_type(op, self.gradient, self.activation.raw.dtype())?;
        expect_shape(op, "gradient of gamma", &self.parameters.gamma, &[c])?;
        expect_shape(op, "gradient of beta", &self.parameters.beta, &[c])
    }
}
