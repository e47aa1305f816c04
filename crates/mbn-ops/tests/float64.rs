//! The reference in float64 against naive loops over random shapes, and the operations in float32 against the reference.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{Layer, double, doubles, geometry, naive_conv, naive_conv_gradients, naive_statistics};
use common::{parameter_gradients, tensor, window};
use mbn_ops::optim::Sgd;
use mbn_ops::{Conv3x3, FusedConv, ParameterGradients, Upstream, depthwise, depthwise_backward, pointwise};
use mbn_ops::{pointwise_backward, separable_fused, stem, stem_backward, stem_fused};
use mbn_testing::float64::{self, Convolution};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// Something else than zeros, which a kernel has to overwrite.
fn used(shape: &[usize]) -> Tensor {
    Tensor::full(7f32, shape, &Device::Cpu).unwrap()
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
            layer: self.layer.to_dtype(DType::F64),
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

/// The same in float64.
fn reference(
    kind: Kind,
    image: &Tensor,
    input: &Layer,
    weight: &Tensor,
    conv: Conv3x3,
    above: &Above,
) -> Results {
    let (.., cout) = above.layer.raw.dims4().unwrap();
    let (_, h, w, cin) = input.raw.dims4().unwrap();
    let (window, size) = (window(conv), [h, w]);
    let convolution = match kind {
        Kind::Stem => Convolution::Stem {
            window,
            size,
            out_channels: cout,
        },
        Kind::Depthwise => Convolution::Depthwise {
            window,
            size,
            channels: cin,
        },
        Kind::Pointwise => Convolution::Pointwise {
            size,
            in_channels: cin,
            out_channels: cout,
        },
    };
    let (below, raw) = (input.float64(), doubles(&input.raw));
    let x = match kind {
        Kind::Stem => doubles(image),
        _ => below.forward(&raw),
    };
    let weight = doubles(weight);
    let out = convolution.forward(&x, &weight);
    let statistics = float64::statistics(&out, cout);
    let dy = above.layer.float64().input_gradient(
        &doubles(&above.gradient),
        &doubles(&above.layer.raw),
        &doubles(&above.parameters.gamma),
        &doubles(&above.parameters.beta),
    );
    let (mut of_input, of_weight) = convolution.backward(&dy, &x, &weight);
    let mut results = vec![
        ("result", out),
        ("mean", statistics.mean),
        ("variance", statistics.variance),
        ("weight", of_weight),
    ];
    if kind != Kind::Stem {
        let (gamma, beta) = below.before_activation(&mut of_input, &raw);
        results.extend([("input", of_input), ("gamma", gamma), ("beta", beta)]);
    }
    results
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
            let (image, input, weight, above) = (double(&image), input.to_dtype(DType::F64), double(&weight), above.in_double());
            let found = reference(kind, &image, &input, &weight, conv, &above);
            compare(&format!("{kind:?}"), &found, &naive(kind, &image, &input, &weight, conv, &above), Tolerance::FLOAT64);
            compare(&format!("{kind:?} in float32"), &single, &found, Tolerance::CLOSE.for_sum(n * h * w));
        }
    }

    #[test]
    fn pool_is_the_mean(n in 1usize..4, h in 1usize..12, w in 1usize..12, c in 1usize..20, seed: u64) {
        let layer = Layer::new(seed, &[n, h, w, c]).to_dtype(DType::F64);
        let images = doubles(&layer.activated());
        let expected: Vec<f64> = images.chunks(h * w * c).flat_map(|image| naive_statistics(image, c).0).collect();
        let (found, raw) = (layer.float64(), doubles(&layer.raw));
        assert_close("pool", &float64::pool(&found.forward(&raw), h * w, c), &expected, Tolerance::FLOAT64);

        let gradient = doubles(&tensor(seed ^ 1, &[n, c]));
        let mut spread = float64::pool_gradient(&gradient, h * w, c);
        let expected: Vec<f64> = gradient.chunks(c).flat_map(|row| row.repeat(h * w)).map(|g| g / (h * w) as f64).collect();
        let (gamma, beta) = found.before_activation(&mut spread, &raw);
        let (passed, dgamma, dbeta) = layer.before_activation(&expected);
        assert_close("pool: input", &spread, &passed, Tolerance::FLOAT64);
        assert_close("pool: gamma", &gamma, &dgamma, Tolerance::FLOAT64);
        assert_close("pool: beta", &beta, &dbeta, Tolerance::FLOAT64);
    }

    /// The fused layers are the naive convolutions with bias and bounds, and float32 approaches them.
    #[test]
    fn fused_layers_are_the_naive_loops((n, h, w, conv) in geometry(), c in 1usize..20, cout in 1usize..20, seed: u64) {
        let fused = |seed: u64, shape: &[usize], max: f32| FusedConv { weight: tensor(seed, shape), bias: tensor(seed ^ 1, &shape[..1]), max };
        let reference = |convolution: Convolution, x: &[f64], fused: &FusedConv| {
            let mut out = convolution.forward(x, &doubles(&fused.weight));
            float64::activate_with_bias(&mut out, &doubles(&fused.bias), fused.max.into());
            out
        };
        let epilogue = |values: Vec<f64>, fused: &FusedConv| -> Vec<f64> {
            let bias = doubles(&fused.bias);
            values.into_iter().enumerate().map(|(i, v)| (v + bias[i % bias.len()]).clamp(0.0, f64::from(fused.max))).collect()
        };
        let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
        let (image, x) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 4, &[n, h, w, c]));
        let (first, depth, point) = (fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY), fused(seed ^ 6, &[c, 1, 3, 3], 0.7), fused(seed ^ 8, &[cout, c, 1, 1], 6.0));

        let stem = reference(Convolution::Stem { window: window(conv), size: [h, w], out_channels: c }, &doubles(&image), &first);
        let raw = naive_conv(&doubles(&image), &doubles(&first.weight), (n, 3, h, w), c, 1, conv);
        assert_close("stem", &stem, &epilogue(nhwc(raw, (n, oh, ow, c)), &first), Tolerance::FLOAT64);
        let single = used(&[n, oh, ow, c]);
        stem_fused(&image, &first, conv, &single).unwrap();
        assert_close("stem in float32", &doubles(&single), &stem, Tolerance::CLOSE);

        let depthwise = Convolution::Depthwise { window: window(conv), size: [h, w], channels: c };
        let pointwise = Convolution::Pointwise { size: [oh, ow], in_channels: c, out_channels: cout };
        let separable = reference(pointwise, &reference(depthwise, &doubles(&x), &depth), &point);
        let raw = naive_conv(&doubles_nchw(&x), &doubles(&depth.weight), (n, c, h, w), c, c, conv);
        let between = epilogue(nhwc(raw, (n, oh, ow, c)), &depth);
        let weight = doubles(&point.weight);
        let product = between.chunks(c).flat_map(|pixel| weight.chunks(c).map(move |row| row.iter().zip(pixel).map(|(w, a)| w * a).sum::<f64>()));
        let expected = epilogue(product.collect(), &point);
        assert_close("separable", &separable, &expected, Tolerance::FLOAT64);
        let single = used(&[n, oh, ow, cout]);
        separable_fused(&x, &depth, conv, &point.clone().into(), &single).unwrap();
        assert_close("separable in float32", &doubles(&single), &separable, Tolerance::CLOSE);
    }
}

#[test]
fn float64_tensors_are_errors() {
    let conv = Conv3x3::symmetric(1);
    let input = Layer::new(1, &[1, 4, 4, 8]);
    let (weight, out) = (tensor(2, &[8, 1, 3, 3]), used(&[1, 4, 4, 8]));
    let message = |result: candle_core::Result<_>| result.err().unwrap().to_string();
    let found = message(depthwise(input.to_dtype(DType::F64).activation(), &weight, conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let found = message(depthwise(input.activation(), &weight, conv, &double(&out)).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let found = message(depthwise(input.activation(), &double(&weight), conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let (image, weight) = (tensor(1, &[1, 3, 4, 4]), tensor(2, &[8, 3, 3, 3]));
    let found = message(stem(&image, &double(&weight), conv, &out).map(|_| ()));
    assert!(found.contains("F32") && found.contains("F64"), "{found}");
    let found = message(stem(&image, &weight, conv, &double(&out)).map(|_| ()));
    assert!(found.contains("F64, expected F32 or BF16"), "{found}");
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 0.0,
        nesterov: false,
    };
    let [parameter, buffer, gradient] = [1, 2, 3].map(|seed| tensor(seed, &[4]));
    assert!(
        sgd.step(&double(&parameter), &double(&buffer), &gradient)
            .is_err()
    );
    assert!(
        sgd.step(&double(&parameter), &double(&buffer), &double(&gradient))
            .is_err()
    );
    assert!(sgd.step(&parameter, &buffer, &double(&gradient)).is_err());
}
