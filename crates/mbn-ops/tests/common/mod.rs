//! Naive loops that the operations are compared with.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test file uses its part")]

pub mod pictures;

use candle_core::{DType, Device, Tensor, WithDType};
use mbn_ops::{Activation, BatchStatistics, Conv3x3, Normalization, ParameterGradients};
use proptest::prelude::*;

pub fn values(tensor: &Tensor) -> Vec<f32> {
    let floats = tensor.to_dtype(DType::F32).unwrap();
    floats.flatten_all().unwrap().to_vec1().unwrap()
}

pub fn doubles(tensor: &Tensor) -> Vec<f64> {
    double(tensor).flatten_all().unwrap().to_vec1().unwrap()
}

/// The same values in float64.
pub fn double(tensor: &Tensor) -> Tensor {
    tensor.to_dtype(DType::F64).unwrap()
}

/// Values in `[-1, 1)` that depend on `seed` alone.
pub fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    for _ in 0..8 {
        next();
    }
    (0..len).map(|_| next()).collect()
}

pub fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(noise(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

/// Batch, height, width (1 included) and a geometry that fits them.
pub fn geometry() -> impl Strategy<Value = (usize, usize, usize, Conv3x3)> {
    let conv = prop_oneof![
        Just(Conv3x3::symmetric(1)),
        Just(Conv3x3::symmetric(2)),
        Just(Conv3x3 {
            stride: 2,
            pad_begin: 0,
            pad_end: 1
        }),
    ];
    let sizes = (1usize..4, 1usize..10, 1usize..10, conv);
    sizes.prop_filter("input smaller than the kernel", |(_, h, w, conv)| {
        conv.out_size(*h).is_ok() && conv.out_size(*w).is_ok()
    })
}

/// Dense or grouped convolution by its definition: `x` `[n, cin, h, w]`, `w` `[cout, cin / groups, 3, 3]`,
/// result `[n, cout, oh, ow]`, summed in float64.
pub fn naive_conv<T: WithDType>(
    x: &[T],
    w: &[T],
    (n, cin, h, width): (usize, usize, usize, usize),
    cout: usize,
    groups: usize,
    conv: Conv3x3,
) -> Vec<T> {
    let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(width).unwrap());
    let per_group = cin / groups;
    let mut out = Vec::new();
    for image in 0..n {
        for o in 0..cout {
            let first = o / (cout / groups) * per_group;
            for oy in 0..oh {
                for ox in 0..ow {
                    let mut sum = 0.0f64;
                    for i in 0..per_group {
                        for ky in 0..3 {
                            for kx in 0..3 {
                                let iy = (oy * conv.stride + ky) as isize - conv.pad_begin as isize;
                                let ix = (ox * conv.stride + kx) as isize - conv.pad_begin as isize;
                                if iy < 0 || ix < 0 || iy >= h as isize || ix >= width as isize {
                                    continue;
                                }
                                let at = ((image * cin + first + i) * h + iy as usize) * width + ix as usize;
                                sum += x[at].to_f64() * w[((o * per_group + i) * 3 + ky) * 3 + kx].to_f64();
                            }
                        }
                    }
                    out.push(T::from_f64(sum));
                }
            }
        }
    }
    out
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
pub fn nchw(x: &Tensor) -> Vec<f32> {
    values(&x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap())
}

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

/// So near to one of the activation's kinks, rounding might decide on which side a value is.
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

    /// The same in another format, whose rounding takes no value to a kink.
    pub fn to_dtype(&self, dtype: DType) -> Self {
        let raw = self.raw.to_dtype(dtype).unwrap();
        let layer = self.with(raw, self.normalization.clone());
        if dtype == DType::BF16 {
            return layer.away_from_kinks();
        }
        layer
    }

    /// The same on another device, where its constants are formed.
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

    pub fn activation(&self) -> Activation<'_> {
        Activation {
            raw: &self.raw,
            normalization: &self.normalization,
        }
    }

    /// The same layer, all in float64.
    pub fn in_double(&self) -> Self {
        let vector = |values: &[f32]| double(&Tensor::new(values, &Device::Cpu).unwrap());
        let statistics = BatchStatistics {
            mean: vector(&self.mean),
            variance: vector(&self.variance),
        };
        let (gamma, beta) = (vector(&self.gamma), vector(&self.beta));
        Self {
            normalization: Normalization::new(&statistics, &gamma, &beta, EPSILON, self.max).unwrap(),
            ..self.to_dtype(DType::F64)
        }
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

    /// The gradient of the convolution's result by the formula of Ioffe and Szegedy, given that of batch norm's.
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

    /// The gradient of batch norm's result, given that of the activation; and those of gamma and beta.
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

/// Gradients that batch norm's parameters might have.
pub fn parameter_gradients(seed: u64, c: usize) -> ParameterGradients {
    ParameterGradients {
        gamma: tensor(seed ^ 21, &[c]),
        beta: tensor(seed ^ 22, &[c]),
    }
}

/// Mean and biased variance of each channel of `[.., c]` in float64.
pub fn naive_statistics<T: WithDType>(x: &[T], c: usize) -> (Vec<T>, Vec<T>) {
    let rows = (x.len() / c) as f64;
    let column = |i: usize| x.iter().skip(i).step_by(c).map(|v| v.to_f64());
    let mean: Vec<f64> = (0..c).map(|i| column(i).sum::<f64>() / rows).collect();
    let variance = |i: usize| column(i).map(|v| (v - mean[i]).powi(2)).sum::<f64>() / rows;
    (
        mean.iter().map(|mean| T::from_f64(*mean)).collect(),
        (0..c).map(|i| T::from_f64(variance(i))).collect(),
    )
}

/// Gradients of [`naive_conv`] with respect to `x` and `w`, given that of its result.
#[allow(clippy::too_many_arguments, reason = "shapes of a convolution")]
pub fn naive_conv_gradients<T: WithDType>(
    x: &[T],
    w: &[T],
    dy: &[T],
    (n, cin, h, width): (usize, usize, usize, usize),
    cout: usize,
    groups: usize,
    conv: Conv3x3,
) -> (Vec<T>, Vec<T>) {
    let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(width).unwrap());
    let per_group = cin / groups;
    let (mut dx, mut dw) = (vec![0.0f64; x.len()], vec![0.0f64; w.len()]);
    for image in 0..n {
        for o in 0..cout {
            let first = o / (cout / groups) * per_group;
            for oy in 0..oh {
                for ox in 0..ow {
                    let dy = dy[((image * cout + o) * oh + oy) * ow + ox].to_f64();
                    for tap in 0..per_group * 9 {
                        let (i, ky, kx) = (tap / 9, tap / 3 % 3, tap % 3);
                        let iy = (oy * conv.stride + ky) as isize - conv.pad_begin as isize;
                        let ix = (ox * conv.stride + kx) as isize - conv.pad_begin as isize;
                        if iy < 0 || ix < 0 || iy >= h as isize || ix >= width as isize {
                            continue;
                        }
                        let at = ((image * cin + first + i) * h + iy as usize) * width + ix as usize;
                        let weight = ((o * per_group + i) * 3 + ky) * 3 + kx;
                        dx[at] += dy * w[weight].to_f64();
                        dw[weight] += dy * x[at].to_f64();
                    }
                }
            }
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
    (narrow(dx), narrow(dw))
}
