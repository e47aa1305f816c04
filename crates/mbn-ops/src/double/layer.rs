//! Batch norm and the activation after it.

use candle_core::Result;

use super::{values, vector};
use crate::normalization::{Activation, BatchStatistics, ParameterGradients, Upstream};

/// A convolution's result, `[rows, C]`, with the batch norm and activation that follow it.
pub(crate) struct Layer {
    raw: Vec<f64>,
    mean: Vec<f64>,
    /// `1 / sqrt(variance + epsilon)`
    inv_std: Vec<f64>,
    /// `gamma inv_std`
    scale: Vec<f64>,
    /// `beta - mean scale`
    shift: Vec<f64>,
    /// Upper bound of the activation.
    max: f64,
}

impl Layer {
    pub fn new(op: &'static str, activation: Activation) -> Result<Self> {
        let constants = values(op, &activation.normalization.constants)?;
        let c = constants.len() / 4;
        let row = |i: usize| constants[i * c..(i + 1) * c].to_vec();
        Ok(Self {
            raw: values(op, activation.raw)?,
            mean: row(0),
            inv_std: row(1),
            scale: row(2),
            shift: row(3),
            max: activation.normalization.max.into(),
        })
    }

    fn channels(&self) -> usize {
        self.mean.len()
    }

    /// `(raw - mean) inv_std gamma + beta` of element `i`.
    fn normalised(&self, i: usize) -> f64 {
        let c = i % self.channels();
        self.scale[c] * self.raw[i] + self.shift[c]
    }

    /// `min(max(0, normalised), max)` of all elements, NaN for NaN.
    pub fn activated(&self) -> Vec<f64> {
        let activated = |i| activate(self.normalised(i), self.max);
        (0..self.raw.len()).map(activated).collect()
    }

    /// Turns `gradient`, that of the activation, into that of batch norm's result; returns those of its parameters.
    pub fn before_activation(&self, gradient: &mut [f64]) -> Result<ParameterGradients> {
        let (mut gamma, mut beta) = (vec![0.0; self.channels()], vec![0.0; self.channels()]);
        for (i, gradient) in gradient.iter_mut().enumerate() {
            let (c, normalised) = (i % self.channels(), self.normalised(i));
            if normalised <= 0.0 || normalised >= self.max {
                *gradient = 0.0;
            }
            gamma[c] += *gradient * (self.raw[i] - self.mean[c]) * self.inv_std[c];
            beta[c] += *gradient;
        }
        Ok(ParameterGradients {
            gamma: vector(gamma)?,
            beta: vector(beta)?,
        })
    }

    /// The gradient of the convolution's result (Ioffe and Szegedy 2015, section 3),
    /// `gamma inv_std (dy - dbeta / n - (raw - mean) inv_std dgamma / n)` for `n` values in each channel.
    pub fn raw_gradient(op: &'static str, upstream: Upstream) -> Result<Vec<f64>> {
        let layer = Self::new(op, upstream.activation)?;
        let dgamma = values(op, &upstream.parameters.gamma)?;
        let dbeta = values(op, &upstream.parameters.beta)?;
        let mut gradient = values(op, upstream.gradient)?;
        let n = (gradient.len() / layer.channels().max(1)) as f64;
        for (i, dy) in gradient.iter_mut().enumerate() {
            let c = i % layer.channels();
            let centred = (layer.raw[i] - layer.mean[c]) * layer.inv_std[c];
            *dy = layer.scale[c] * (*dy - dbeta[c] / n - centred * dgamma[c] / n);
        }
        Ok(gradient)
    }
}

/// Mean and biased variance of each of the `c` channels of `x`, in two passes.
pub(crate) fn statistics(x: &[f64], c: usize) -> Result<BatchStatistics> {
    let n = (x.len() / c.max(1)) as f64;
    let (mut mean, mut variance) = (vec![0.0; c], vec![0.0; c]);
    for (i, x) in x.iter().enumerate() {
        mean[i % c] += x;
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    for (i, x) in x.iter().enumerate() {
        variance[i % c] += (x - mean[i % c]).powi(2);
    }
    variance.iter_mut().for_each(|sum| *sum /= n);
    Ok(BatchStatistics {
        mean: vector(mean)?,
        variance: vector(variance)?,
    })
}

/// Means of each of the `c` channels over the pixels of each image.
pub(crate) fn pool(out: &mut [f64], x: &[f64], pixels: usize, c: usize) {
    out.fill(0.0);
    for (i, x) in x.iter().enumerate() {
        out[i / (pixels * c) * c + i % c] += x / pixels as f64;
    }
}

/// Spreads the gradients of the means over the pixels.
pub(crate) fn pool_gradient(out: &mut [f64], gradient: &[f64], pixels: usize, c: usize) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = gradient[i / (pixels * c) * c + i % c] / pixels as f64;
    }
}

/// `min(max(0, x), max)`, and NaN for NaN, which `f64::max` would hide.
fn activate(x: f64, max: f64) -> f64 {
    let positive = if x < 0.0 { 0.0 } else { x };
    if positive > max { max } else { positive }
}

/// `min(max(0, x + bias), max)`
pub(crate) fn activate_with_bias(x: &mut [f64], bias: &[f64], max: f32) {
    for (i, x) in x.iter_mut().enumerate() {
        *x = activate(*x + bias[i % bias.len()], max.into());
    }
}
