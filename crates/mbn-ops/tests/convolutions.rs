//! The convolutions, forward and backward, against naive loops over random shapes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod edges;

use candle_core::{DType, Device, Tensor};
use common::{Layer, double, doubles, geometry, naive_conv, naive_conv_gradients, naive_statistics, nchw};
use common::{parameter_gradients, tensor, values};
use mbn_ops::{BatchStatistics, Conv3x3, Upstream, depthwise, depthwise_backward};
use mbn_ops::{pointwise, pointwise_backward, stem, stem_backward};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// A bfloat16 has eight significant bits; a sum over `terms` values of order one that were rounded so, independently,
/// may itself be small.
fn bf16(terms: usize) -> Tolerance {
    Tolerance {
        absolute: (terms as f32).sqrt() / 128.0,
        relative_to_max: 1e-2,
    }
}

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

/// Something else than zeros, which a kernel has to overwrite.
fn used(shape: &[usize]) -> Tensor {
    Tensor::full(7f32, shape, &Device::Cpu).unwrap()
}

fn check_statistics(name: &str, found: &BatchStatistics, out: &Tensor) {
    let (mean, variance) = naive_statistics(&values(out), out.dims()[3]);
    assert_close(
        &format!("{name}: mean"),
        &values(&found.mean),
        &mean,
        Tolerance::CLOSE,
    );
    assert_close(
        &format!("{name}: variance"),
        &values(&found.variance),
        &variance,
        Tolerance::CLOSE,
    );
}

/// Gradients in NHWC from NCHW.
fn nhwc(values: Vec<f32>, (n, h, w, c): (usize, usize, usize, usize)) -> Vec<f32> {
    let x = Tensor::from_vec(values, (n, c, h, w), &Device::Cpu).unwrap();
    common::values(&x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap())
}

/// A pointwise convolution as a sum over the middle tap of a dense 3x3 one.
fn as_middle_tap(w: &[f32]) -> Vec<f32> {
    w.iter()
        .flat_map(|w| [0.0, 0.0, 0.0, 0.0, *w, 0.0, 0.0, 0.0, 0.0])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn depthwise_is_the_naive_loop((n, h, w, conv) in geometry(), c in 1usize..40, seed: u64) {
        let (input, weight) = (Layer::new(seed, &[n, h, w, c]), tensor(seed ^ 1, &[c, 1, 3, 3]));
        let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
        let (a, taps) = (nchw(&input.activated()), values(&weight));
        let out = used(&[n, oh, ow, c]);
        let statistics = depthwise(input.activation(), &weight, conv, &out).unwrap();
        let expected = naive_conv(&a, &taps, (n, c, h, w), c, c, conv);
        assert_close("depthwise", &nchw(&out), &expected, Tolerance::CLOSE);
        check_statistics("depthwise", &statistics, &out);

        let (above, gradient) = (Layer::new(seed ^ 5, &[n, oh, ow, c]), tensor(seed ^ 6, &[n, oh, ow, c]));
        let parameters = parameter_gradients(seed, c);
        let upstream = Upstream { activation: above.activation(), gradient: &gradient, parameters: &parameters };
        let din = used(&[n, h, w, c]);
        let (dw, before) = depthwise_backward(upstream, input.activation(), &weight, conv, &din).unwrap();
        let dy = nchw(&above.raw_gradient(&gradient, &parameters));
        let (da, expected) = naive_conv_gradients(&a, &taps, &dy, (n, c, h, w), c, c, conv);
        let (passed, dgamma, dbeta) = input.before_activation(&nhwc(da, (n, h, w, c)));
        assert_close("depthwise: weight", &values(&dw), &expected, Tolerance::CLOSE.for_sum(n * oh * ow));
        assert_close("depthwise: input", &values(&din), &passed, Tolerance::CLOSE);
        assert_close("depthwise: gamma", &values(&before.gamma), &dgamma, Tolerance::CLOSE.for_sum(n * h * w));
        assert_close("depthwise: beta", &values(&before.beta), &dbeta, Tolerance::CLOSE.for_sum(n * h * w));
    }

    #[test]
    fn pointwise_is_the_naive_loop(n in 1usize..4, h in 1usize..20, w in 1usize..20, cin in 1usize..40, cout in 1usize..40, seed: u64) {
        let (input, weight) = (Layer::new(seed, &[n, h, w, cin]), tensor(seed ^ 1, &[cout, cin, 1, 1]));
        let conv = Conv3x3::symmetric(1);
        let (a, taps) = (nchw(&input.activated()), as_middle_tap(&values(&weight)));
        let out = used(&[n, h, w, cout]);
        let statistics = pointwise(input.activation(), &weight, &out).unwrap();
        let expected = naive_conv(&a, &taps, (n, cin, h, w), cout, 1, conv);
        assert_close("pointwise", &nchw(&out), &expected, Tolerance::CLOSE);
        check_statistics("pointwise", &statistics, &out);

        let (above, gradient) = (Layer::new(seed ^ 5, &[n, h, w, cout]), tensor(seed ^ 6, &[n, h, w, cout]));
        let parameters = parameter_gradients(seed, cout);
        let upstream = Upstream { activation: above.activation(), gradient: &gradient, parameters: &parameters };
        let din = used(&[n, h, w, cin]);
        let (dw, before) = pointwise_backward(upstream, input.activation(), &weight, &din).unwrap();
        let dy = nchw(&above.raw_gradient(&gradient, &parameters));
        let (da, expected) = naive_conv_gradients(&a, &taps, &dy, (n, cin, h, w), cout, 1, conv);
        let expected: Vec<f32> = expected.chunks(9).map(|taps| taps[4]).collect();
        let (passed, dgamma, dbeta) = input.before_activation(&nhwc(da, (n, h, w, cin)));
        assert_close("pointwise: weight", &values(&dw), &expected, Tolerance::CLOSE.for_sum(n * h * w));
        assert_close("pointwise: input", &values(&din), &passed, Tolerance::CLOSE);
        assert_close("pointwise: gamma", &values(&before.gamma), &dgamma, Tolerance::CLOSE.for_sum(n * h * w));
        assert_close("pointwise: beta", &values(&before.beta), &dbeta, Tolerance::CLOSE.for_sum(n * h * w));
    }

    #[test]
    fn stem_is_the_naive_loop((n, h, w, conv) in geometry(), cout in 1usize..36, seed: u64) {
        let (image, weight) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 1, &[cout, 3, 3, 3]));
        let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
        let out = used(&[n, oh, ow, cout]);
        let statistics = stem(&image, &weight, conv, &out).unwrap();
        let expected = naive_conv(&values(&image), &values(&weight), (n, 3, h, w), cout, 1, conv);
        assert_close("stem", &nchw(&out), &expected, Tolerance::CLOSE);
        check_statistics("stem", &statistics, &out);

        let (above, gradient) = (Layer::new(seed ^ 5, &[n, oh, ow, cout]), tensor(seed ^ 6, &[n, oh, ow, cout]));
        let parameters = parameter_gradients(seed, cout);
        let upstream = Upstream { activation: above.activation(), gradient: &gradient, parameters: &parameters };
        let dw = stem_backward(upstream, &image, &weight, conv).unwrap();
        let dy = nchw(&above.raw_gradient(&gradient, &parameters));
        let expected = naive_conv_gradients(&values(&image), &values(&weight), &dy, (n, 3, h, w), cout, 1, conv).1;
        assert_close("stem: weight", &values(&dw), &expected, Tolerance::CLOSE.for_sum(n * oh * ow));
    }

    /// bfloat16 activations give what float32 ones do, but for their rounding.
    #[test]
    fn bfloat16_is_float32_rounded((n, h, w, conv) in geometry(), c in 1usize..40, seed: u64) {
        let results = [DType::F32, DType::BF16].map(|dtype| {
            // The values themselves are rounded in both.
            let round = |layer: Layer| layer.to_dtype(DType::BF16).to_dtype(dtype);
            let input = round(Layer::new(seed, &[n, h, w, c]));
            let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
            let above = round(Layer::new(seed ^ 5, &[n, oh, ow, c]));
            let gradient = tensor(seed ^ 6, &[n, oh, ow, c]).to_dtype(DType::BF16).unwrap().to_dtype(dtype).unwrap();
            let parameters = parameter_gradients(seed, c);
            let upstream = Upstream { activation: above.activation(), gradient: &gradient, parameters: &parameters };
            let (taps, weight) = (tensor(seed ^ 1, &[c, 1, 3, 3]), tensor(seed ^ 2, &[c, c, 1, 1]));
            let (out, din) = (zeros(&[n, oh, ow, c], dtype), zeros(&[n, h, w, c], dtype));
            let statistics = depthwise(input.activation(), &taps, conv, &out).unwrap();
            let (dw, before) = depthwise_backward(upstream, input.activation(), &taps, conv, &din).unwrap();
            let (out2, din2) = (zeros(&[n, oh, ow, c], dtype), zeros(&[n, oh, ow, c], dtype));
            pointwise(above.activation(), &weight, &out2).unwrap();
            let (dw2, before2) = pointwise_backward(upstream, above.activation(), &weight, &din2).unwrap();
            [out, statistics.mean, din, dw, before.gamma, before.beta, out2, din2, dw2, before2.gamma, before2.beta].map(|t| values(&t))
        });
        for (i, (full, half)) in results[0].iter().zip(&results[1]).enumerate() {
            assert_close(&format!("result {i}"), half, full, bf16(if full.len() == n * h * w * c { c } else { n * h * w }));
        }
    }
}

/// 4608 rows, so many that the threads' parts of a sum over rows consist of more than one block each. Against products of matrices in
/// float64.
#[test]
fn a_pointwise_convolution_of_many_blocks_is_a_matrix_product() {
    let ([n, h, w, cin, cout], seed) = ([8, 24, 24, 200, 120], 8);
    let rows = n * h * w;
    for dtype in [DType::F32, DType::BF16] {
        let name = |result: &str| format!("{dtype:?}: {result}");
        let tolerance = |terms| match dtype {
            DType::F32 => Tolerance::CLOSE.for_sum(terms),
            _ => bf16(terms),
        };
        let matrix = |x: &Tensor, c: usize| double(x).reshape(((), c)).unwrap();
        let (input, weight) = (
            Layer::new(seed, &[n, h, w, cin]).to_dtype(dtype),
            tensor(seed ^ 1, &[cout, cin, 1, 1]),
        );
        let out = zeros(&[n, h, w, cout], dtype);
        let statistics = pointwise(input.activation(), &weight, &out).unwrap();
        // From the stored values, but in float64.
        let (a, taps) = (
            matrix(&input.to_dtype(DType::F64).activated(), cin),
            matrix(&weight, cin),
        );
        let expected = doubles(&a.matmul(&taps.t().unwrap()).unwrap());
        assert_close(&name("result"), &values(&out), &expected, tolerance(cin));
        check_statistics(&name("result"), &statistics, &out);

        let above = Layer::new(seed ^ 5, &[n, h, w, cout]).to_dtype(dtype);
        let gradient = tensor(seed ^ 6, &[n, h, w, cout]).to_dtype(dtype).unwrap();
        let parameters = parameter_gradients(seed, cout);
        let upstream = Upstream {
            activation: above.activation(),
            gradient: &gradient,
            parameters: &parameters,
        };
        let din = zeros(&[n, h, w, cin], dtype);
        let (dw, before) = pointwise_backward(upstream, input.activation(), &weight, &din).unwrap();
        let dy = above.to_dtype(DType::F64).raw_gradient(&gradient, &parameters);
        let dy = matrix(&dy, cout);
        let expected = doubles(&dy.t().unwrap().matmul(&a).unwrap());
        assert_close(&name("weight"), &values(&dw), &expected, tolerance(rows));
        let da = doubles(&dy.matmul(&taps).unwrap());
        let (passed, dgamma, dbeta) = input.before_activation(&da);
        assert_close(&name("input"), &values(&din), &passed, tolerance(cout));
        assert_close(&name("gamma"), &values(&before.gamma), &dgamma, tolerance(rows));
        assert_close(&name("beta"), &values(&before.beta), &dbeta, tolerance(rows));
    }
}
