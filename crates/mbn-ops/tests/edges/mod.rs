//! NaN, operands that do not fit, threads, means far from zero, and empty batches.

use candle_core::{DType, Device, Tensor};
use mbn_ops::{Conv3x3, FusedConv, LazyActivation, Upstream, depthwise, depthwise_backward};
use mbn_ops::{global_average_pool, pointwise, pointwise_backward, separable_fused, stem};
use mbn_ops::{stem_backward, stem_fused};
use mbn_testing::{Tolerance, assert_close};

use super::{check_statistics, used, zeros};
use crate::common::{self, Layer, naive_conv, nchw, noise, parameter_gradients, tensor, values};

/// With any instructions, NaN must not look like an inactive value.
#[test]
fn nan_reaches_every_result_that_it_is_part_of() {
    // Channels of each width of registers, and a rest.
    let ([n, h, w, c, cout], conv) = ([2, 5, 4, 27, 37], Conv3x3::symmetric(1));
    let nan = |values: &[f32]| values.iter().map(|value| value.is_nan()).collect::<Vec<_>>();
    let with_nan = |values: &Tensor, at: usize| {
        let mut spoilt = common::values(values);
        spoilt[at] = f32::NAN;
        Tensor::from_vec(spoilt, values.dims(), &Device::Cpu).unwrap()
    };
    let fused = |seed: u64, shape: &[usize]| FusedConv {
        weight: tensor(seed, shape),
        bias: tensor(seed ^ 1, &shape[..1]),
        max: 6.0,
    };
    let (image, layer) = (with_nan(&tensor(1, &[n, 3, h, w]), 9), fused(2, &[c, 3, 3, 3]));
    let out = used(&[n, h, w, c]);
    stem_fused(&image, &layer, conv, &out).unwrap();
    let expected = naive_conv(&values(&image), &values(&layer.weight), (n, 3, h, w), c, 1, conv);
    assert!(nan(&expected).contains(&true) && nan(&expected).contains(&false));
    assert_eq!(nan(&nchw(&out)), nan(&expected), "stem");

    for channel in [0, 20, c - 1] {
        // Inside: at the edge a kernel may multiply it by the zero of a padding that is elsewhere.
        let at = (2 * w + 1) * c + channel;
        let x = with_nan(&tensor(3, &[n, h, w, c]), at);
        let (first, second) = (fused(4, &[c, 1, 3, 3]), fused(6, &[cout, c, 1, 1]));
        let out = used(&[n, h, w, cout]);
        separable_fused(&x, &first, conv, &second.into(), &out).unwrap();
        let spread = naive_conv(&nchw(&x), &values(&first.weight), (n, c, h, w), c, c, conv);
        let pixels = nan(&spread);
        let touched = |i: usize| {
            let (image, pixel) = (i / (cout * h * w), i % (h * w));
            (0..c).any(|channel| pixels[(image * c + channel) * h * w + pixel])
        };
        let expected: Vec<_> = (0..n * cout * h * w).map(touched).collect();
        assert_eq!(nan(&nchw(&out)), expected, "separable, channel {channel}");

        for dtype in [DType::F32, DType::BF16] {
            let mut layer = Layer::new(8, &[n, h, w, c]);
            layer.raw = with_nan(&layer.raw, at);
            let layer = layer.to_dtype(dtype);
            let out = zeros(&[n, h, w, cout], dtype);
            pointwise(layer.activation(), &tensor(9, &[cout, c, 1, 1]), &out).unwrap();
            let found = nan(&values(&out));
            assert!(
                found
                    .iter()
                    .enumerate()
                    .all(|(i, found)| *found == (i / cout == 2 * w + 1)),
                "pointwise, {dtype:?}"
            );
            let (out, taps) = (zeros(&[n, h, w, c], dtype), tensor(10, &[c, 1, 3, 3]));
            let _ = depthwise(layer.activation(), &taps, conv, &out).unwrap();
            assert_eq!(nan(&nchw(&out)), nan(&spread), "depthwise, {dtype:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error_that_names_both() {
    let input = Layer::new(1, &[1, 4, 4, 8]);
    let conv = Conv3x3::symmetric(1);
    let out = used(&[1, 4, 4, 8]);
    let message = depthwise(input.activation(), &tensor(2, &[4, 1, 3, 3]), conv, &out)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[4, 1, 3, 3]") && message.contains("[8, 1, 3, 3]"),
        "{message}"
    );
    let weight = tensor(2, &[8, 1, 3, 3]);
    assert!(depthwise(input.activation(), &weight, conv, &used(&[1, 4, 3, 8])).is_err());
    assert!(
        depthwise(
            input.activation(),
            &weight,
            conv,
            &zeros(&[1, 4, 4, 8], DType::BF16)
        )
        .is_err()
    );
    assert!(
        pointwise(
            input.activation(),
            &tensor(2, &[4, 7, 1, 1]),
            &used(&[1, 4, 4, 4])
        )
        .is_err()
    );
    assert!(
        pointwise(
            input.to_dtype(DType::F64).activation(),
            &tensor(2, &[8, 8, 1, 1]),
            &zeros(&[1, 4, 4, 8], DType::F64)
        )
        .is_err()
    );
    assert!(
        stem(
            &tensor(1, &[1, 4, 8, 8]),
            &tensor(2, &[4, 3, 3, 3]),
            conv,
            &used(&[1, 8, 8, 4])
        )
        .is_err()
    );
    let transposed = used(&[1, 4, 8, 4]).transpose(2, 3).unwrap();
    assert!(depthwise(input.activation(), &weight, conv, &transposed).is_err());
}

/// Enough rows for many blocks and parts.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (shape, conv) = ([9, 40, 40, 24], Conv3x3::symmetric(1));
    let (input, above, gradient) = (Layer::new(1, &shape), Layer::new(2, &shape), tensor(3, &shape));
    let parameters = parameter_gradients(4, 24);
    let upstream = Upstream {
        activation: above.activation(),
        gradient: &gradient,
        parameters: &parameters,
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let out = used(&shape);
            let first = depthwise_backward(
                upstream,
                input.activation(),
                &tensor(5, &[24, 1, 3, 3]),
                conv,
                &out,
            )
            .unwrap();
            let second =
                pointwise_backward(upstream, input.activation(), &tensor(6, &[24, 24, 1, 1]), &out).unwrap();
            let statistics = pointwise(input.activation(), &tensor(6, &[24, 24, 1, 1]), &out).unwrap();
            [
                first.0,
                first.1.gamma,
                second.0,
                second.1.beta,
                statistics.variance,
            ]
            .map(|t| values(&t))
            .concat()
        })
    };
    assert_close("threads", &run(3), &run(1), Tolerance::EXACT);
}

/// A mean far from zero must not swallow the variance.
#[test]
fn statistics_survive_a_large_mean() {
    let input = Layer::new(2, &[2, 20, 20, 3]);
    let weight = Tensor::from_vec(
        noise(3, 15).iter().map(|w| 40.0 + w).collect::<Vec<_>>(),
        (5, 3, 1, 1),
        &Device::Cpu,
    )
    .unwrap();
    let out = used(&[2, 20, 20, 5]);
    let statistics = pointwise(input.activation(), &weight, &out).unwrap();
    check_statistics("pointwise", &statistics, &out);
}

/// An empty batch has no statistics. Every operation returns an error and does not panic, also those without
/// statistics.
#[test]
fn an_empty_batch_is_an_error() {
    let conv = Conv3x3::symmetric(1);
    let image = zeros(&[0, 3, 8, 8], DType::F32);
    let stem_weight = tensor(1, &[4, 3, 3, 3]);
    let out = zeros(&[0, 8, 8, 4], DType::F32);
    let (one, none) = (Layer::new(2, &[1, 8, 8, 4]), zeros(&[0, 8, 8, 4], DType::F32));
    let input = LazyActivation {
        raw: &none,
        ..one.activation()
    };
    let parameters = parameter_gradients(3, 4);
    let upstream = || Upstream {
        activation: input,
        gradient: &none,
        parameters: &parameters,
    };
    let (depthwise_weight, pointwise_weight) = (tensor(4, &[4, 1, 3, 3]), tensor(5, &[4, 4, 1, 1]));
    let fused = |weight: &Tensor| FusedConv {
        weight: weight.clone(),
        bias: zeros(&[4], DType::F32),
        max: 6.0,
    };
    let fused_pointwise = fused(&pointwise_weight).into();
    let results = [
        stem(&image, &stem_weight, conv, &out).map(drop),
        stem_backward(upstream(), &image, &stem_weight, conv).map(drop),
        depthwise(input, &depthwise_weight, conv, &out).map(drop),
        depthwise_backward(upstream(), input, &depthwise_weight, conv, &out).map(drop),
        pointwise(input, &pointwise_weight, &out).map(drop),
        pointwise_backward(upstream(), input, &pointwise_weight, &out).map(drop),
        global_average_pool(input).map(drop),
        stem_fused(&image, &fused(&stem_weight), conv, &out),
        separable_fused(&none, &fused(&depthwise_weight), conv, &fused_pointwise, &out),
    ];
    for (index, result) in results.into_iter().enumerate() {
        let error = result.expect_err(&format!("operation {index}")).to_string();
        assert!(error.contains("at least one image"), "{error}");
    }
}
