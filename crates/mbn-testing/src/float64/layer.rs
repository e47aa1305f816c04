//! Batch norm with the activation after it, and pooling.

/// Mean and biased variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[C]`
    pub mean: Vec<f64>,
    /// `[C]`, divided by the number of values.
    pub variance: Vec<f64>,
}

/// Batch norm with given statistics, and the activation after it,
/// `min(max(0, (x - mean) / sqrt(variance + epsilon) gamma + beta), max)`.
#[derive(Clone, Debug)]
pub struct Layer {
    mean: Vec<f64>,
    /// `1 / sqrt(variance + epsilon)`
    inv_std: Vec<f64>,
    gamma: Vec<f64>,
    beta: Vec<f64>,
    max: f64,
}

impl Layer {
    /// `max` is infinity for ReLU, 6 for ReLU6.
    pub fn new(statistics: &Statistics, gamma: &[f64], beta: &[f64], epsilon: f64, max: f64) -> Self {
        let inv_std = |variance: &f64| 1.0 / (variance + epsilon).sqrt();
        Self {
            mean: statistics.mean.clone(),
            inv_std: statistics.variance.iter().map(inv_std).collect(),
            gamma: gamma.to_vec(),
            beta: beta.to_vec(),
            max,
        }
    }

    fn channels(&self) -> usize {
        self.mean.len()
    }

    /// `(x - mean) / sqrt(variance + epsilon)` of element `i`.
    fn centred(&self, i: usize, x: f64) -> f64 {
        let c = i % self.channels();
        (x - self.mean[c]) * self.inv_std[c]
    }

    /// Batch norm's result for element `i`.
    fn normalised(&self, i: usize, x: f64) -> f64 {
        let c = i % self.channels();
        self.centred(i, x) * self.gamma[c] + self.beta[c]
    }

    /// The activations of the convolution's result `x`, NaN for NaN.
    pub fn forward(&self, x: &[f64]) -> Vec<f64> {
        let activated = |(i, x): (usize, &f64)| activate(self.normalised(i, *x), self.max);
        x.iter().enumerate().map(activated).collect()
    }

    /// Turns `gradient`, of the activations, into the gradient of batch norm's result; returns the gradients of gamma
    /// and beta.
    pub fn before_activation(&self, gradient: &mut [f64], x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut gamma, mut beta) = (vec![0.0; self.channels()], vec![0.0; self.channels()]);
        for (i, (gradient, x)) in gradient.iter_mut().zip(x).enumerate() {
            let (c, normalised) = (i % self.channels(), self.normalised(i, *x));
            if normalised <= 0.0 || normalised >= self.max {
                *gradient = 0.0;
            }
            gamma[c] += *gradient * self.centred(i, *x);
            beta[c] += *gradient;
        }
        (gamma, beta)
    }

    /// The gradient of batch norm's input `x`, whose statistics are the layer's (Ioffe and Szegedy 2015, section 3),
    /// `gamma inv_std (dy - dbeta / n - (x - mean) inv_std dgamma / n)` for `n` values in each channel.
    pub fn input_gradient(&self, dy: &[f64], x: &[f64], dgamma: &[f64], dbeta: &[f64]) -> Vec<f64> {
        let n = (x.len() / self.channels().max(1)) as f64;
        let element = |(i, (dy, x)): (usize, (&f64, &f64))| {
            let c = i % self.channels();
            let inner = dy - dbeta[c] / n - self.centred(i, *x) * dgamma[c] / n;
            self.gamma[c] * self.inv_std[c] * inner
        };
        dy.iter().zip(x).enumerate().map(element).collect()
    }
}

/// Mean and biased variance of each of the `c` channels of `x`, in two passes.
pub fn statistics(x: &[f64], c: usize) -> Statistics {
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
    Statistics { mean, variance }
}

/// The mean of each of the `c` channels over the pixels of each image, `[N, C]`.
pub fn pool(x: &[f64], pixels: usize, c: usize) -> Vec<f64> {
    let mut out = vec![0.0; x.len() / pixels];
    for (i, x) in x.iter().enumerate() {
        out[i / (pixels * c) * c + i % c] += x / pixels as f64;
    }
    out
}

/// Spreads the gradients of the means, `[N, C]`, over the pixels.
pub fn pool_gradient(gradient: &[f64], pixels: usize, c: usize) -> Vec<f64> {
    let spread = |i: usize| gradient[i / (pixels * c) * c + i % c] / pixels as f64;
    (0..gradient.len() * pixels).map(spread).collect()
}

/// `min(max(0, x + bias), max)`
pub fn activate_with_bias(x: &mut [f64], bias: &[f64], max: f64) {
    for (i, x) in x.iter_mut().enumerate() {
        *x = activate(*x + bias[i % bias.len()], max);
    }
}

/// `min(max(0, x), max)`, and NaN for NaN, which `f64::max` would hide.
fn activate(x: f64, max: f64) -> f64 {
    let positive = if x < 0.0 { 0.0 } else { x };
    if positive > max { max } else { positive }
}
