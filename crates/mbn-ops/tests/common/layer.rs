//! A layer's convolution result with a batch norm and activation, and naive loops over them.

use candle_core::{DType, Device, Tensor, WithDType};
use mbn_ops::{BatchStatistics, LazyActivation, Normalization, ParameterGradients};
use mbn_testing::float64::{self, widen};

use super::{doubles, noise, tensor, values};

/// A layer's convolution result with batch norm's statistics, scale and shift chosen at random, so that some
/// activations are zero, some at the bound.
pub struct Layer {
    pub raw: Tensor,
    pub normalization: Normalization,
    mean: Vec<f32>,
    variance: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    max: f32,
}

pub const EPSILON: f64 = 1e-5;

/// Closer than this to a kink of the activation, rounding may decide on which side a value lies.
const KINK: f32 = 1e-4;

impl Layer {
    pub fn new(seed: u64, shape: &[usize]) -> Self {
        let c = *shape.last().unwrap();
        let (mean, gamma, beta) = (noise(seed ^ 11, c), noise(seed ^ 12, c), noise(seed ^ 13, c));
        let variance: Vec<f32> = noise(seed ^ 14, c).iter().map(|v| 0.2 + v * v).collect();
        let vector = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let statistics = BatchStatistics {
            mean: vector(&mean),
            variance: vector(&variance),
        };
        let max = if seed.is_multiple_of(2) {
            f32::INFINITY
        } else {
            0.8
        };
        let layer = Self {
            raw: tensor(seed, shape),
            normalization: Normalization::new(&statistics, &vector(&gamma), &vector(&beta), EPSILON, max)
                .unwrap(),
            mean,
            variance,
            gamma,
            beta,
            max,
        };
        layer.away_from_kinks()
    }

    /// Moves each value that is at a kink to anything else; where gamma is tiny, the whole channel is elsewhere.
    fn away_from_kinks(mut self) -> Self {
        let mut raw = values(&self.raw);
        for (i, raw) in raw.iter_mut().enumerate() {
            let c = i % self.channels();
            let normalised = (*raw - self.mean[c]) / (self.variance[c] + EPSILON as f32).sqrt()
                * self.gamma[c]
                + self.beta[c];
            if normalised.abs() < KINK || (normalised - self.max).abs() < KINK {
                *raw += 0.1;
            }
        }
        let moved = Tensor::from_vec(raw, self.raw.shape(), &Device::Cpu).unwrap();
        self.raw = moved.to_dtype(self.raw.dtype()).unwrap();
        self
    }

    fn with(&self, raw: Tensor, normalization: Normalization) -> Self {
        Self {
            raw,
            normalization,
            mean: self.mean.clone(),
            variance: self.variance.clone(),
            gamma: self.gamma.clone(),
            beta: self.beta.clone(),
            max: self.max,
        }
    }

    /// The same in another type, whose rounding takes no value to a kink.
    pub fn to_dtype(&self, dtype: DType) -> Self {
        let raw = self.raw.to_dtype(dtype).unwrap();
        let layer = self.with(raw, self.normalization.clone());
        if dtype == DType::BF16 {
            return layer.away_from_kinks();
        }
        layer
    }

    /// The same on another device, where its constants are computed.
    pub fn to_device(&self, device: &Device) -> Self {
        let vector = |values: &[f32]| Tensor::new(values, device).unwrap();
        let statistics = BatchStatistics {
            mean: vector(&self.mean),
            variance: vector(&self.variance),
        };
        let (gamma, beta) = (vector(&self.gamma), vector(&self.beta));
        let normalization = Normalization::new(&statistics, &gamma, &beta, EPSILON, self.max).unwrap();
        self.with(self.raw.to_device(device).unwrap(), normalization)
    }

    pub fn activation(&self) -> LazyActivation<'_> {
        LazyActivation {
            raw: &self.raw,
            normalization: &self.normalization,
        }
    }

    /// The batch norm and activation in float64.
    pub fn float64(&self) -> float64::Layer {
        let statistics = float64::Statistics {
            mean: widen(&self.mean),
            variance: widen(&self.variance),
        };
        let (gamma, beta) = (widen(&self.gamma), widen(&self.beta));
        float64::Layer::new(&statistics, &gamma, &beta, EPSILON, self.max.into())
    }

    fn channels(&self) -> usize {
        self.gamma.len()
    }

    fn inv_std(&self, c: usize) -> f64 {
        1.0 / (f64::from(self.variance[c]) + EPSILON).sqrt()
    }

    /// Normalised value of element `i`, before the activation.
    fn normalised(&self, i: usize, raw: f64) -> f64 {
        let c = i % self.channels();
        (raw - f64::from(self.mean[c])) * self.inv_std(c) * f64::from(self.gamma[c]) + f64::from(self.beta[c])
    }

    /// The activations, `[N, H, W, C]`, in float64 where the layer is, else in float32.
    pub fn activated(&self) -> Tensor {
        let activate = |(i, raw)| self.normalised(i, raw).clamp(0.0, f64::from(self.max));
        let out = doubles(&self.raw).into_iter().enumerate().map(activate).collect();
        self.result(out)
    }

    /// The gradient of the convolution's result by the formula of Ioffe and Szegedy, given the gradient of batch norm's
    /// result.
    pub fn raw_gradient(&self, gradient: &Tensor, parameters: &ParameterGradients) -> Tensor {
        let (dgamma, dbeta) = (doubles(&parameters.gamma), doubles(&parameters.beta));
        let raw = doubles(&self.raw);
        let n = (raw.len() / self.channels()) as f64;
        let element = |(i, dy): (usize, f64)| {
            let c = i % self.channels();
            let centred = (raw[i] - f64::from(self.mean[c])) * self.inv_std(c);
            let inner = dy - dbeta[c] / n - centred * dgamma[c] / n;
            f64::from(self.gamma[c]) * self.inv_std(c) * inner
        };
        self.result(doubles(gradient).into_iter().enumerate().map(element).collect())
    }

    /// A tensor of the shape of `raw`.
    fn result(&self, values: Vec<f64>) -> Tensor {
        let dtype = if self.raw.dtype() == DType::F64 {
            DType::F64
        } else {
            DType::F32
        };
        let tensor = Tensor::from_vec(values, self.raw.shape(), &Device::Cpu).unwrap();
        tensor.to_dtype(dtype).unwrap()
    }

    /// The gradient of batch norm's result, given the gradient of the activation; and the gradients of
    /// gamma and beta.
    pub fn before_activation<T: WithDType>(&self, gradient: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let c = self.channels();
        let (mut dgamma, mut dbeta) = (vec![0.0f64; c], vec![0.0f64; c]);
        let raw = doubles(&self.raw);
        let mut out = Vec::new();
        for (i, gradient) in gradient.iter().enumerate() {
            let normalised = self.normalised(i, raw[i]);
            let passes = normalised > 0.0 && normalised < f64::from(self.max);
            let passed = if passes { gradient.to_f64() } else { 0.0 };
            dbeta[i % c] += passed;
            dgamma[i % c] += passed * (raw[i] - f64::from(self.mean[i % c])) * self.inv_std(i % c);
            out.push(T::from_f64(passed));
        }
        let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
        (out, narrow(dgamma), narrow(dbeta))
    }
}
