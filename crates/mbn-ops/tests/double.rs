//! The operations in float64 against naive loops over random shapes; and those in float32 against these.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{Layer, double, doubles, geometry, naive_conv, naive_conv_gradients, naive_statistics};
use common::{parameter_gradients, tensor};
use mbn_ops::optim::{AdamW, Sgd};
use mbn_ops::{Conv3x3, FusedConv, ParameterGradients, Upstream, depthwise, depthwise_backward, pointwise};
use mbn_ops::{
    global_average_pool, global_average_pool_backward, global_average_pool_stored, pointwise_backward,
};
use mbn_ops::{separable_fused, stem, stem_backward, stem_fused};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// What a kernel has to overwrite.
fn used(shape: &[usize]) -> Tensor {
    Tensor::full(7f64, shape, &Device::Cpu).unwrap()
}

fn doubles_nchw(x: &Tensor) -> Vec<f64> {
    doubles(&x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap())
}

fn nhwc(values: Vec<f64>, (n, h, w, c): (usize, usize, usize, usize)) -> Vec<f64> {
    let x = Tensor::from_vec(values, (n, c, h, w), &Device::Cpu).unwrap();
    doubles(&x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap())
}

/// What comes back from above: the layer there, the gradient of its batch norm's result, and that one's sums.
struct Above {
    layer: Layer,
    gradient: Tensor,
    parameters: ParameterGradients,
}

impl Above {
    fn new(seed: u64, shape: &[usize]) -> Self {
        Self {
            layer: Layer::new(seed ^ 5, shape),
            gradient: tensor(seed ^ 6, shape),
            parameters: parameter_gradients(seed, shape[3]),
        }
    }

    fn in_double(&self) -> Self {
        Self {
            layer: self.layer.in_double(),
            gradient: double(&self.gradient),
            parameters: ParameterGradients {
                gamma: double(&self.parameters.gamma),
                beta: double(&self.parameters.beta),
            },
        }
    }

    fn upstream(&self) -> Upstream<'_> {
        Upstream {
            activation: self.layer.activation(),
            gradient: &self.gradient,
            parameters: &self.parameters,
        }
    }

    /// The gradient of the convolution's result, `[N, C, H, W]`.
    fn raw_gradient(&self) -> Vec<f64> {
        doubles_nchw(&self.layer.raw_gradient(&self.gradient, &self.parameters))
    }
}

/// All that the operations of one layer give, by name.
type Results = Vec<(&'static str, Vec<f64>)>;

/// Kind of convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Stem,
    Depthwise,
    Pointwise,
}

/// The operations forward and backward.
fn operations(
    kind: Kind,
    image: &Tensor,
    input: &Layer,
    weight: &Tensor,
    conv: Conv3x3,
    above: &Above,
) -> Results {
    let zeros_like = |tensor: &Tensor| (tensor.zeros_like().unwrap() + 7.0).unwrap();
    let (out, din) = (zeros_like(&above.layer.raw), zeros_like(&input.raw));
    let (upstream, activation) = (above.upstream(), input.activation());
    let (statistics, (dw, before)) = match kind {
        Kind::Stem => {
            let statistics = stem(image, weight, conv, &out).unwrap();
            let dw = stem_backward(upstream, image, weight, conv).unwrap();
            return vec![
                ("result", doubles(&out)),
                ("mean", doubles(&statistics.mean)),
                ("variance", doubles(&statistics.variance)),
                ("weight", doubles(&dw)),
            ];
        }
        Kind::Depthwise => (
            depthwise(activation, weight, conv, &out).unwrap(),
            depthwise_backward(upstream, activation, weight, conv, &din).unwrap(),
        ),
        Kind::Pointwise => (
            pointwise(activation, weight, &out).unwrap(),
            pointwise_backward(upstream, activation, weight, &din).unwrap(),
        ),
    };
    vec![
        ("result", doubles(&out)),
        ("mean", doubles(&statistics.mean)),
        ("variance", doubles(&statistics.variance)),
        ("weight", doubles(&dw)),
        ("input", doubles(&din)),
        ("gamma", doubles(&before.gamma)),
        ("beta", doubles(&before.beta)),
    ]
}

/// The same by naive loops.
fn naive(
    kind: Kind,
    image: &Tensor,
    input: &Layer,
    weight: &Tensor,
    conv: Conv3x3,
    above: &Above,
) -> Results {
    let (n, oh, ow, cout) = above.layer.raw.dims4().unwrap();
    let (_, h, w, cin) = input.raw.dims4().unwrap();
    let weights = doubles(weight);
    let (a, taps, shape, groups) = match kind {
        Kind::Stem => {
            let (_, _, h, w) = image.dims4().unwrap();
            (doubles(image), weights, (n, 3, h, w), 1)
        }
        Kind::Depthwise => (doubles_nchw(&input.activated()), weights, (n, cin, h, w), cin),
        // The middle tap of a dense 3x3 convolution.
        Kind::Pointwise => {
            let taps = weights
                .iter()
                .flat_map(|w| [0.0, 0.0, 0.0, 0.0, *w, 0.0, 0.0, 0.0, 0.0]);
            (
                doubles_nchw(&input.activated()),
                taps.collect(),
                (n, cin, h, w),
                1,
            )
        }
    };
    let out = nhwc(
        naive_conv(&a, &taps, shape, cout, groups, conv),
        (n, oh, ow, cout),
    );
    let (mean, variance) = naive_statistics(&out, cout);
    let (da, mut dw) = naive_conv_gradients(&a, &taps, &above.raw_gradient(), shape, cout, groups, conv);
    if kind == Kind::Pointwise {
        dw = dw.chunks(9).map(|taps| taps[4]).collect();
    }
    let mut results = vec![
        ("result", out),
        ("mean", mean),
        ("variance", variance),
        ("weight", dw),
    ];
    if kind != Kind::Stem {
        let (passed, gamma, beta) = input.before_activation(&nhwc(da, (n, h, w, cin)));
        results.extend([("input", passed), ("gamma", gamma), ("beta", beta)]);
    }
    results
}

fn compare(name: &str, found: &Results, expected: &Results, tolerance: Tolerance) {
    assert_eq!(found.len(), expected.len());
    for ((part, found), (_, expected)) in found.iter().zip(expected) {
        assert_close(&format!("{name}: {part}"), found, expected, tolerance);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolutions_are_the_naive_loops_and_what_float32_approaches((n, h, w, conv) in geometry(), c in 1usize..20, cout in 1usize..20, seed: u64) {
        let image = tensor(seed, &[n, 3, h, w]);
        for (kind, conv, cout, weight) in [
            (Kind::Stem, conv, cout, vec![cout, 3, 3, 3]),
            (Kind::Depthwise, conv, c, vec![c, 1, 3, 3]),
            (Kind::Pointwise, Conv3x3::symmetric(1), cout, vec![cout, c, 1, 1]),
        ] {
            let weight = tensor(seed ^ 1, &weight);
            let input = Layer::new(seed, &[n, h, w, c]);
            let above = Above::new(seed, &[n, conv.out_size(h).unwrap(), conv.out_size(w).unwrap(), cout]);
            let single = operations(kind, &image, &input, &weight, conv, &above);
            let (image, input, weight, above) = (double(&image), input.in_double(), double(&weight), above.in_double());
            let found = operations(kind, &image, &input, &weight, conv, &above);
            compare(&format!("{kind:?}"), &found, &naive(kind, &image, &input, &weight, conv, &above), Tolerance::DOUBLE);
            compare(&format!("{kind:?} in float32"), &single, &found, Tolerance::CLOSE.for_sum(n * h * w));
        }
    }

    #[test]
    fn pool_is_the_mean(n in 1usize..4, h in 1usize..12, w in 1usize..12, c in 1usize..20, seed: u64) {
        let layer = Layer::new(seed, &[n, h, w, c]).in_double();
        let images = doubles(&layer.activated());
        let expected: Vec<f64> = images.chunks(h * w * c).flat_map(|image| naive_statistics(image, c).0).collect();
        assert_close("pool", &doubles(&global_average_pool(layer.activation()).unwrap()), &expected, Tolerance::DOUBLE);
        let stored = global_average_pool_stored(&layer.activated()).unwrap();
        assert_close("pool of stored values", &doubles(&stored), &expected, Tolerance::DOUBLE);

        let (gradient, out) = (double(&tensor(seed ^ 1, &[n, c])), used(&[n, h, w, c]));
        let found = global_average_pool_backward(&gradient, layer.activation(), &out).unwrap();
        let spread: Vec<f64> = doubles(&gradient).chunks(c).flat_map(|row| row.repeat(h * w)).map(|g| g / (h * w) as f64).collect();
        let (passed, dgamma, dbeta) = layer.before_activation(&spread);
        assert_close("pool: input", &doubles(&out), &passed, Tolerance::DOUBLE);
        assert_close("pool: gamma", &doubles(&found.gamma), &dgamma, Tolerance::DOUBLE);
        assert_close("pool: beta", &doubles(&found.beta), &dbeta, Tolerance::DOUBLE);
    }

    /// The fused layers are the naive convolutions with bias and bounds, and float32 approaches them.
    #[test]
    fn fused_layers_are_the_naive_loops((n, h, w, conv) in geometry(), c in 1usize..20, cout in 1usize..20, seed: u64) {
        let fused = |seed: u64, shape: &[usize], max: f32| FusedConv { weight: tensor(seed, shape), bias: tensor(seed ^ 1, &shape[..1]), max };
        let in_double = |fused: &FusedConv| FusedConv { weight: double(&fused.weight), bias: double(&fused.bias), max: fused.max };
        let epilogue = |values: Vec<f64>, fused: &FusedConv| -> Vec<f64> {
            let bias = doubles(&fused.bias);
            values.into_iter().enumerate().map(|(i, v)| (v + bias[i % bias.len()]).clamp(0.0, f64::from(fused.max))).collect()
        };
        let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
        let (image, x) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 4, &[n, h, w, c]));
        let (first, depth, point) = (fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY), fused(seed ^ 6, &[c, 1, 3, 3], 0.7), fused(seed ^ 8, &[cout, c, 1, 1], 6.0));

        let out = used(&[n, oh, ow, c]);
        stem_fused(&double(&image), &in_double(&first), conv, &out).unwrap();
        let raw = naive_conv(&doubles(&image), &doubles(&first.weight), (n, 3, h, w), c, 1, conv);
        assert_close("stem", &doubles(&out), &epilogue(nhwc(raw, (n, oh, ow, c)), &first), Tolerance::DOUBLE);

        let out = used(&[n, oh, ow, cout]);
        separable_fused(&double(&x), &in_double(&depth), conv, &in_double(&point).into(), &out).unwrap();
        let raw = naive_conv(&doubles_nchw(&x), &doubles(&depth.weight), (n, c, h, w), c, c, conv);
        let between = epilogue(nhwc(raw, (n, oh, ow, c)), &depth);
        let weight = doubles(&point.weight);
        let product = between.chunks(c).flat_map(|pixel| weight.chunks(c).map(move |row| row.iter().zip(pixel).map(|(w, a)| w * a).sum::<f64>()));
        let expected = epilogue(product.collect(), &point);
        assert_close("separable", &doubles(&out), &expected, Tolerance::DOUBLE);
        let single = Tensor::ones((n, oh, ow, cout), DType::F32, &Device::Cpu).unwrap();
        separable_fused(&x, &depth, conv, &point.clone().into(), &single).unwrap();
        assert_close("separable in float32", &doubles(&single), &doubles(&out), Tolerance::CLOSE);
    }
}

/// `torch.optim.SGD` and `torch.optim.AdamW`, as in `optimisers.rs`.
#[test]
fn optimisers_are_their_definitions() {
    const LEN: usize = 37;
    let (rate, momentum, decay, epsilon) = (0.05, 0.9, 0.1, 1e-8);
    let (beta1, beta2) = (0.9f64, 0.99f64);
    for nesterov in [false, true] {
        let parameter = double(&tensor(1, &[LEN]));
        let (buffer, moments) = (
            Tensor::zeros(LEN, DType::F64, &Device::Cpu).unwrap(),
            Tensor::zeros((2, LEN), DType::F64, &Device::Cpu).unwrap(),
        );
        let (mut p, mut b, mut m, mut v) = (doubles(&parameter), [0.0; LEN], [0.0; LEN], [0.0; LEN]);
        for step in 1..=4 {
            let gradient = double(&tensor(10 + step as u64, &[LEN]));
            let g = doubles(&gradient);
            for i in 0..LEN {
                let decayed = g[i] + decay * p[i];
                b[i] = momentum * b[i] + decayed;
                p[i] -= rate * if nesterov { decayed + momentum * b[i] } else { b[i] };
                p[i] *= 1.0 - rate * decay;
                m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
                v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
                let (m, v) = (m[i] / (1.0 - beta1.powi(step)), v[i] / (1.0 - beta2.powi(step)));
                p[i] -= rate * m / (v.sqrt() + epsilon);
            }
            Sgd {
                learning_rate: rate,
                momentum,
                weight_decay: decay,
                nesterov,
            }
            .step(&parameter, &buffer, &gradient)
            .unwrap();
            AdamW {
                learning_rate: rate,
                beta1,
                beta2,
                epsilon,
                weight_decay: decay,
                step,
            }
            .step(&parameter, &moments, &gradient)
            .unwrap();
            assert_close("parameter", &doubles(&parameter), &p, Tolerance::DOUBLE);
            assert_close("buffer", &doubles(&buffer), &b, Tolerance::DOUBLE);
            assert_close("moments", &doubles(&moments), &[m, v].concat(), Tolerance::DOUBLE);
        }
    }
}

#[test]
fn formats_that_do_not_fit_are_errors() {
    let conv = Conv3x3::symmetric(1);
    let input = Layer::new(1, &[1, 4, 4, 8]);
    let (weight, out) = (tensor(2, &[8, 1, 3, 3]), used(&[1, 4, 4, 8]));
    let message = |result: candle_core::Result<_>| result.err().unwrap().to_string();
    let found = message(depthwise(input.in_double().activation(), &weight, conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let found = message(depthwise(input.activation(), &weight, conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let mixed = input.to_dtype(DType::F64);
    let found = message(depthwise(mixed.activation(), &double(&weight), conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let (image, weight) = (tensor(1, &[1, 3, 4, 4]), double(&tensor(2, &[8, 3, 3, 3])));
    let found = message(stem(&image, &weight, conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 0.0,
        nesterov: false,
    };
    assert!(
        sgd.step(
            &double(&tensor(1, &[4])),
            &double(&tensor(2, &[4])),
            &tensor(3, &[4])
        )
        .is_err()
    );
}
