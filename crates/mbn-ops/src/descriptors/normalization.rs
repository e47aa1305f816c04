//! Batch norm's constants from its statistics and parameters.

use candle_core::{Result, Tensor};

use super::kernel::{Kernel, Reader, float_result};
use crate::operands::checks::expect_floats;
use crate::operands::element::Element;
use crate::operands::layer::BatchStatistics;

/// Writes the constants of [`crate::Normalization`].
pub(crate) struct Build<'a> {
    /// Mean, variance, gamma, beta: `[C]` each.
    pub inputs: [&'a Tensor; 4],
    pub epsilon: f64,
}

impl<'a> Build<'a> {
    /// An error unless all fit each other; the number of channels.
    pub fn new(
        statistics: &'a BatchStatistics,
        gamma: &'a Tensor,
        beta: &'a Tensor,
        epsilon: f64,
    ) -> Result<(Self, usize)> {
        let c = gamma.dims1()?;
        let BatchStatistics { mean, variance } = statistics;
        let named = [
            ("mean", mean),
            ("variance", variance),
            ("gamma", gamma),
            ("beta", beta),
        ];
        expect_floats(Self::NAME, &named, &[c])?;
        let inputs = named.map(|(_, tensor)| tensor);
        Ok((Self { inputs, epsilon }, c))
    }
}

impl Kernel for Build<'_> {
    const NAME: &'static str = "normalization";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        self.inputs.to_vec()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let out = float_result(Self::NAME, out)?;
        let [mean, variance, gamma, beta] = self.inputs.map(|tensor| Reader::new(Self::NAME, tensor));
        let (mean, variance, gamma, beta) = (mean?, variance?, gamma?, beta?);
        let (mean, variance) = (mean.values::<f32>()?, variance.values::<f32>()?);
        let (gamma, beta) = (gamma.values::<f32>()?, beta.values::<f32>()?);
        let c = mean.len();
        for i in 0..c {
            // In float64: an error in the shift moves every value of a channel, and those near zero to the
            // other side of the activation's kink.
            let inv_std = 1.0 / (f64::from(variance[i]) + self.epsilon).sqrt();
            let scale = inv_std * f64::from(gamma[i]);
            let shift = f64::from(beta[i]) - f64::from(mean[i]) * scale;
            let constants = [f64::from(mean[i]), inv_std, scale, shift];
            for (row, value) in constants.into_iter().enumerate() {
                out[row * c + i] = value as f32;
            }
        }
        Ok(())
    }
}
