//! Batch norm with activation, and pooling, against their definitions.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::Tensor;
use common::{check_gradients, tensor, values};
use mbn_ops::{batch_norm_relu, batch_norm_relu_with, batch_statistics, global_average_pool};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

const EPSILON: f64 = 1e-5;

/// Mean and biased variance of each of `c` columns in float64.
fn naive_statistics(x: &[f32], c: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = (x.len() / c) as f64;
    let column = |i: usize| x.iter().skip(i).step_by(c).map(|v| f64::from(*v));
    let mean: Vec<f64> = (0..c).map(|i| column(i).sum::<f64>() / rows).collect();
    let variance = (0..c)
        .map(|i| column(i).map(|v| (v - mean[i]).powi(2)).sum::<f64>() / rows)
        .collect();
    (mean, variance)
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn forward_is_the_definition(n in 1usize..4, h in 1usize..20, w in 1usize..20, c in 1usize..40, offset in -50f64..50.0, max in prop_oneof![Just(f32::INFINITY), Just(1.0f32)], seed: u64) {
        let x = (tensor(seed, &[n, h, w, c]) + offset).unwrap();
        let (gamma, beta) = (tensor(seed ^ 1, &[c]), tensor(seed ^ 2, &[c]));
        let (mean, variance) = naive_statistics(&values(&x), c);
        let statistics = batch_statistics(&x).unwrap();
        assert_close("mean", &values(&statistics.mean), &narrow(&mean), Tolerance::CLOSE);
        assert_close("variance", &values(&statistics.variance), &narrow(&variance), Tolerance::CLOSE);

        // A single value normalises to 0 over the root of epsilon: rounding of the mean is blown up 300 times.
        prop_assume!(n * h * w > 3);
        let (g, b) = (values(&gamma), values(&beta));
        let expected: Vec<f32> = values(&x).iter().enumerate().map(|(i, v)| {
            let i = i % c;
            let y = (f64::from(*v) - mean[i]) / (variance[i] + EPSILON).sqrt() * f64::from(g[i]) + f64::from(b[i]);
            y.clamp(0.0, f64::from(max)) as f32
        }).collect();
        let found = batch_norm_relu(&x, &gamma, &beta, &statistics, EPSILON, max).unwrap();
        // x is known to 6e-8 of its size, up to 51, and is divided by a deviation of at least about 0.05.
        let tolerance = Tolerance { absolute: 1e-4, relative_to_max: 1e-5 };
        assert_close("batch norm", &values(&found), &expected, tolerance);
        let running = batch_norm_relu_with(&x, &gamma, &beta, &statistics, EPSILON, max).unwrap();
        assert_close("evaluation", &values(&running), &values(&found), Tolerance::EXACT);
    }

    #[test]
    fn pool_is_the_mean(n in 1usize..4, h in 1usize..20, w in 1usize..20, c in 1usize..40, seed: u64) {
        let x = tensor(seed, &[n, h, w, c]);
        let expected: Vec<f32> = values(&x).chunks(h * w * c).flat_map(|image| narrow(&naive_statistics(image, c).0)).collect();
        assert_close("pool", &values(&global_average_pool(&x).unwrap()), &expected, Tolerance::CLOSE);
        check_gradients("pool", &[x], |i| global_average_pool(&i[0]).unwrap());
    }
}

/// Far from the activation's kinks, where the finite difference is wrong: gamma small, beta 1, bound 2.
#[test]
fn gradients_are_the_finite_differences_where_the_activation_passes() {
    for (shape, seed) in [([2, 3, 3, 5], 1u64), ([1, 7, 2, 17], 2), ([4, 1, 5, 1], 3)] {
        let c = shape[3];
        let gamma = (tensor(seed, &[c]) * 0.1).unwrap();
        let beta = tensor(seed ^ 1, &[c]).affine(0.1, 1.0).unwrap();
        check_gradients("batch norm", &[tensor(seed ^ 2, &shape), gamma, beta], |i| {
            let statistics = batch_statistics(&i[0]).unwrap();
            batch_norm_relu(&i[0], &i[1], &i[2], &statistics, EPSILON, 2.0).unwrap()
        });
    }
}

/// Outside the bounds of the activation nothing passes: all gradients are 0.
#[test]
fn gradients_vanish_where_the_activation_is_flat() {
    let x = candle_core::Var::from_tensor(&tensor(5, &[2, 3, 3, 4])).unwrap();
    for (beta, max) in [(-10f32, f32::INFINITY), (10.0, 6.0)] {
        let gamma = Tensor::ones(4, candle_core::DType::F32, x.device()).unwrap();
        let beta = Tensor::full(beta, 4, x.device()).unwrap();
        let statistics = batch_statistics(x.as_tensor()).unwrap();
        let out = batch_norm_relu(x.as_tensor(), &gamma, &beta, &statistics, EPSILON, max).unwrap();
        let gradients = out.sum_all().unwrap().backward().unwrap();
        assert_eq!(values(gradients.get(&x).unwrap()), vec![0.0; 72]);
    }
}
