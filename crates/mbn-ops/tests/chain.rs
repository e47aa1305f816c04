//! Gradients through two layers' batch norms, activations and pooling against finite differences and against float64,
//! pooling against its definition, and the fused layers of inference.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Result, Tensor};
use common::{EPSILON, Layer, doubles, geometry, naive_conv, naive_statistics, nchw, tensor, values, window};
use mbn_ops::{BatchStatistics, Conv3x3, FusedConv, LazyActivation, Normalization, Upstream, depthwise};
use mbn_ops::{
    depthwise_backward, global_average_pool, global_average_pool_backward, global_average_pool_stored,
};
use mbn_ops::{pointwise, pointwise_backward, separable_fused, stem_fused};
use mbn_testing::float64::{self, Convolution};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// Step of the central difference in float32: so large that values differ in enough digits.
const STEP: f64 = 1e-2;
/// The same in float64.
const STEP_IN_FLOAT64: f64 = 1e-5;
/// The gradient in float32 against float64. It has passed two batch norms, whose backward pass subtracts sums of nearly
/// equal size; where a shift meets a batch norm without padding in between, nothing but rounding remains.
const AGAINST_FLOAT64: Tolerance = Tolerance {
    absolute: 2e-6,
    relative_to_max: 1e-3,
};
const SHAPE: [usize; 4] = [3, 5, 4, 6];

/// Upper bound of the activations.
const MAX: f32 = 2.0;

/// `sum(pool(act(bn(conv(act(bn(x)))))) weights)`, with what its gradient needs. Inputs: the weight, gamma and beta
/// of the first batch norm, gamma and beta of the second.
struct Chain {
    x: Tensor,
    conv: Option<Conv3x3>,
    weights: Tensor,
}

impl Chain {
    fn run(&self, inputs: &[Tensor]) -> Result<(f64, Vec<Tensor>)> {
        let c = SHAPE[3];
        let (mean, variance) = naive_statistics(&values(&self.x), c);
        let statistics = BatchStatistics {
            mean: Tensor::new(mean, &Device::Cpu)?,
            variance: Tensor::new(variance, &Device::Cpu)?,
        };
        let first = Normalization::new(&statistics, &inputs[1], &inputs[2], EPSILON, MAX)?;
        let input = LazyActivation {
            raw: &self.x,
            normalization: &first,
        };
        let raw = match self.conv {
            Some(conv) => Tensor::zeros(
                (SHAPE[0], conv.out_size(SHAPE[1])?, conv.out_size(SHAPE[2])?, c),
                DType::F32,
                &Device::Cpu,
            )?,
            None => Tensor::zeros(&SHAPE, DType::F32, &Device::Cpu)?,
        };
        let statistics = match self.conv {
            Some(conv) => depthwise(input, &inputs[0], conv, &raw)?,
            None => pointwise(input, &inputs[0], &raw)?,
        };
        let second = Normalization::new(&statistics, &inputs[3], &inputs[4], EPSILON, MAX)?;
        let activation = LazyActivation {
            raw: &raw,
            normalization: &second,
        };
        let value = (global_average_pool(activation)? * &self.weights)?
            .sum_all()?
            .to_dtype(DType::F64)?
            .to_scalar::<f64>()?;

        let gradient = raw.zeros_like()?;
        let parameters = global_average_pool_backward(&self.weights, activation, &gradient)?;
        let upstream = Upstream {
            activation,
            gradient: &gradient,
            parameters: &parameters,
        };
        let out = self.x.zeros_like()?;
        let (dw, before) = match self.conv {
            Some(conv) => depthwise_backward(upstream, input, &inputs[0], conv, &out)?,
            None => pointwise_backward(upstream, input, &inputs[0], &out)?,
        };
        Ok((
            value,
            vec![dw, before.gamma, before.beta, parameters.gamma, parameters.beta],
        ))
    }

    /// The same in float64.
    fn run_in_float64(&self, inputs: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        let ([_, h, w, c], size, max) = (SHAPE, [SHAPE[1], SHAPE[2]], f64::from(MAX));
        let convolution = match self.conv {
            Some(conv) => Convolution::Depthwise {
                window: window(conv),
                size: [h, w],
                channels: c,
            },
            None => Convolution::Pointwise {
                size,
                in_channels: c,
                out_channels: c,
            },
        };
        let pixels = convolution.out_size().iter().product();
        let (x, weights) = (doubles(&self.x), doubles(&self.weights));
        let layer = |x: &[f64], gamma: &[f64], beta: &[f64]| {
            float64::Layer::new(&float64::statistics(x, c), gamma, beta, EPSILON, max)
        };
        let first = layer(&x, &inputs[1], &inputs[2]);
        let activated = first.forward(&x);
        let raw = convolution.forward(&activated, &inputs[0]);
        let second = layer(&raw, &inputs[3], &inputs[4]);
        let pooled = float64::pool(&second.forward(&raw), pixels, c);
        let value = pooled.iter().zip(&weights).map(|(a, b)| a * b).sum();

        let mut gradient = float64::pool_gradient(&weights, pixels, c);
        let (gamma, beta) = second.before_activation(&mut gradient, &raw);
        let dy = second.input_gradient(&gradient, &raw, &gamma, &beta);
        let (mut below, dw) = convolution.backward(&dy, &activated, &inputs[0]);
        let (first_gamma, first_beta) = first.before_activation(&mut below, &x);
        (value, vec![dw, first_gamma, first_beta, gamma, beta])
    }
}

/// The derivatives of `value` with respect to `at`, by central differences.
fn differences(at: &[f64], step: f64, value: impl Fn(Vec<f64>) -> f64) -> Vec<f64> {
    let moved = |i: usize, delta: f64| {
        let mut moved = at.to_vec();
        moved[i] += delta;
        value(moved)
    };
    let difference = |i| (moved(i, step) - moved(i, -step)) / (2.0 * step);
    (0..at.len()).map(difference).collect()
}

/// Far from the activation's kinks, where the finite difference is wrong: gamma small, beta 1, bound 2.
#[test]
fn gradients_are_the_finite_differences() {
    let c = SHAPE[3];
    let dense = (None, vec![c, c, 1, 1]);
    let depthwise = [1, 2].map(|stride| (Some(Conv3x3::symmetric(stride)), vec![c, 1, 3, 3]));
    for (conv, shape) in depthwise.into_iter().chain([dense]) {
        let chain = Chain {
            x: tensor(1, &SHAPE),
            conv,
            weights: tensor(2, &[SHAPE[0], c]),
        };
        let scale = |seed| (tensor(seed, &[c]) * 0.1).unwrap().affine(1.0, 0.15).unwrap();
        let shift = |seed| tensor(seed, &[c]).affine(0.1, 1.0).unwrap();
        let inputs = [tensor(3, &shape), scale(4), shift(5), scale(6), shift(7)];
        let gradients = chain.run(&inputs).unwrap().1;
        let in_float64 = inputs.each_ref().map(doubles);
        let exact = chain.run_in_float64(&in_float64).1;
        for (i, input) in inputs.iter().enumerate() {
            let name = format!("{conv:?}, input {i}");
            let expected = differences(&in_float64[i], STEP, |moved| {
                let moved = Tensor::from_vec(moved, input.shape(), &Device::Cpu).unwrap();
                let mut inputs = inputs.clone();
                inputs[i] = moved.to_dtype(DType::F32).unwrap();
                chain.run(&inputs).unwrap().0
            });
            let found = doubles(&gradients[i]);
            assert_close(&name, &found, &expected, Tolerance::FINITE_DIFFERENCE);
            let expected = differences(&in_float64[i], STEP_IN_FLOAT64, |moved| {
                let mut inputs = in_float64.clone();
                inputs[i] = moved;
                chain.run_in_float64(&inputs).0
            });
            let tolerance = Tolerance::FINITE_DIFFERENCE_FLOAT64;
            assert_close(&format!("float64, {name}"), &exact[i], &expected, tolerance);
            assert_close(
                &format!("against float64, {name}"),
                &found,
                &exact[i],
                AGAINST_FLOAT64,
            );
        }
    }
}

/// `min(max(0, y + bias), max)` on `[n, h, w, c]`.
fn with_epilogue(raw: &Tensor, fused: &FusedConv) -> Tensor {
    raw.broadcast_add(&fused.bias)
        .unwrap()
        .clamp(0f32, fused.max)
        .unwrap()
}

fn fused(seed: u64, shape: &[usize], max: f32) -> FusedConv {
    FusedConv {
        weight: tensor(seed, shape),
        bias: tensor(seed ^ 1, &shape[..1]),
        max,
    }
}

fn from_nchw(values: Vec<f32>, (n, h, w, c): (usize, usize, usize, usize)) -> Tensor {
    let x = Tensor::from_vec(values, (n, c, h, w), &Device::Cpu).unwrap();
    x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pool_is_the_mean(n in 1usize..4, h in 1usize..20, w in 1usize..20, c in 1usize..40, seed: u64) {
        let layer = Layer::new(seed, &[n, h, w, c]);
        let expected: Vec<f32> = values(&layer.activated()).chunks(h * w * c).flat_map(|image| naive_statistics(image, c).0).collect();
        assert_close("pool", &values(&global_average_pool(layer.activation()).unwrap()), &expected, Tolerance::CLOSE);
        let stored = global_average_pool_stored(&layer.activated()).unwrap();
        assert_close("pool of stored values", &values(&stored), &expected, Tolerance::CLOSE);

        let (gradient, out) = (tensor(seed ^ 1, &[n, c]), layer.raw.zeros_like().unwrap());
        let found = global_average_pool_backward(&gradient, layer.activation(), &out).unwrap();
        let spread: Vec<f32> = values(&gradient).chunks(c).flat_map(|row| row.repeat(h * w)).map(|g| g / (h * w) as f32).collect();
        let (passed, dgamma, dbeta) = layer.before_activation(&spread);
        assert_close("pool: input", &values(&out), &passed, Tolerance::CLOSE);
        assert_close("pool: gamma", &values(&found.gamma), &dgamma, Tolerance::CLOSE.for_sum(n * h * w));
        assert_close("pool: beta", &values(&found.beta), &dbeta, Tolerance::CLOSE.for_sum(n * h * w));
    }

    /// Few and many pixels, few and many output channels: both ways to share the work.
    #[test]
    fn fused_layers_are_the_naive_loops((n, h, w, conv) in geometry(), grow in prop_oneof![Just(1usize), Just(5)], c in 1usize..24, cout in prop_oneof![1usize..20, 120usize..140], seed: u64) {
        let (n, h, w) = (n * grow, h * grow, w * grow);
        let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
        let image = tensor(seed, &[n, 3, h, w]);
        let stem = fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY);
        let out = Tensor::ones((n, oh, ow, c), DType::F32, &Device::Cpu).unwrap();
        stem_fused(&image, &stem, conv, &out).unwrap();
        let raw = from_nchw(naive_conv(&values(&image), &values(&stem.weight), (n, 3, h, w), c, 1, conv), (n, oh, ow, c));
        assert_close("stem", &values(&out), &values(&with_epilogue(&raw, &stem)), Tolerance::CLOSE);

        let x = tensor(seed ^ 4, &[n, h, w, c]);
        let (first, second) = (fused(seed ^ 6, &[c, 1, 3, 3], 0.7), fused(seed ^ 8, &[cout, c, 1, 1], 6.0));
        let out = Tensor::ones((n, oh, ow, cout), DType::F32, &Device::Cpu).unwrap();
        separable_fused(&x, &first, conv, &second.clone().into(), &out).unwrap();
        let raw = from_nchw(naive_conv(&nchw(&x), &values(&first.weight), (n, c, h, w), c, c, conv), (n, oh, ow, c));
        let between = with_epilogue(&raw, &first).reshape((n * oh * ow, c)).unwrap();
        let raw = between.matmul(&second.weight.reshape((cout, c)).unwrap().t().unwrap()).unwrap();
        let expected = with_epilogue(&raw.reshape((n, oh, ow, cout)).unwrap(), &second);
        assert_close("separable", &values(&out), &values(&expected), Tolerance::CLOSE);
    }
}
