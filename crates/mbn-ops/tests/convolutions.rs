//! The convolutions against naive loops, over random shapes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{Device, Tensor};
use common::{check_gradients, geometry, naive_conv, tensor, values};
use mbn_ops::{Conv3x3, Epilogue, depthwise, depthwise_fused, pointwise, pointwise_fused, stem, stem_fused};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// `[n, h, w, c]` to `[n, c, h, w]`.
fn nchw(x: &Tensor) -> Vec<f32> {
    values(&x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap())
}

/// Reference of a fused operation.
fn with_epilogue(raw: &Tensor, epilogue: &Epilogue) -> Vec<f32> {
    values(
        &raw.broadcast_add(&epilogue.bias)
            .unwrap()
            .clamp(0f32, epilogue.max)
            .unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn depthwise_is_the_naive_loop((n, h, w, conv) in geometry(), c in 1usize..40, seed: u64) {
        let (x, weight) = (tensor(seed, &[n, h, w, c]), tensor(seed ^ 1, &[c, 1, 3, 3]));
        let expected = naive_conv(&nchw(&x), &values(&weight), (n, c, h, w), c, c, conv);
        let found = depthwise(&x, &weight, conv).unwrap();
        assert_close("depthwise", &nchw(&found), &expected, Tolerance::CLOSE);
        let epilogue = Epilogue { bias: tensor(seed ^ 2, &[c]), max: 0.7 };
        let fused = depthwise_fused(&x, &weight, conv, &epilogue).unwrap();
        assert_close("depthwise fused", &values(&fused), &with_epilogue(&found, &epilogue), Tolerance::CLOSE);
    }

    #[test]
    fn stem_is_the_naive_loop((n, h, w, conv) in geometry(), cout in 1usize..20, seed: u64) {
        let (x, weight) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 1, &[cout, 3, 3, 3]));
        let expected = naive_conv(&values(&x), &values(&weight), (n, 3, h, w), cout, 1, conv);
        let found = stem(&x, &weight, conv).unwrap();
        assert_close("stem", &nchw(&found), &expected, Tolerance::CLOSE);
        let epilogue = Epilogue { bias: tensor(seed ^ 2, &[cout]), max: f32::INFINITY };
        let fused = stem_fused(&x, &weight, conv, &epilogue).unwrap();
        assert_close("stem fused", &values(&fused), &with_epilogue(&found, &epilogue), Tolerance::CLOSE);
    }

    #[test]
    fn pointwise_is_the_naive_loop(n in 1usize..4, h in 1usize..30, w in 1usize..30, cin in 1usize..40, cout in 1usize..40, seed: u64) {
        let (x, weight) = (tensor(seed, &[n, h, w, cin]), tensor(seed ^ 1, &[cout, cin, 1, 1]));
        let (rows, weights) = (values(&x), values(&weight));
        let dot = |row: &[f32], o: usize| -> f64 {
            row.iter().zip(&weights[o * cin..]).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
        };
        let expected: Vec<f32> = rows.chunks(cin).flat_map(|row| (0..cout).map(|o| dot(row, o) as f32).collect::<Vec<_>>()).collect();
        let found = pointwise(&x, &weight).unwrap();
        assert_close("pointwise", &values(&found), &expected, Tolerance::CLOSE);
        let epilogue = Epilogue { bias: tensor(seed ^ 2, &[cout]), max: 6.0 };
        let fused = pointwise_fused(&x, &weight, &epilogue).unwrap();
        assert_close("pointwise fused", &values(&fused), &with_epilogue(&found, &epilogue), Tolerance::CLOSE);
    }

    #[test]
    fn gradients_are_the_finite_differences((n, h, w, conv) in geometry(), c in prop_oneof![Just(1usize), Just(3), Just(8), Just(21)], seed: u64) {
        let x = tensor(seed, &[n, h, w, c]);
        check_gradients("depthwise", &[x.clone(), tensor(seed ^ 1, &[c, 1, 3, 3])], |i| depthwise(&i[0], &i[1], conv).unwrap());
        check_gradients("pointwise", &[x, tensor(seed ^ 2, &[5, c, 1, 1])], |i| pointwise(&i[0], &i[1]).unwrap());
        check_gradients("stem", &[tensor(seed, &[n, 3, h, w]), tensor(seed ^ 3, &[c, 3, 3, 3])], |i| stem(&i[0], &i[1], conv).unwrap());
    }
}

#[test]
fn non_contiguous_inputs_are_read_in_their_order() {
    let x = tensor(1, &[2, 4, 5, 16]);
    let transposed = x
        .transpose(1, 2)
        .unwrap()
        .contiguous()
        .unwrap()
        .transpose(1, 2)
        .unwrap();
    assert!(!transposed.is_contiguous());
    let weight = tensor(2, &[16, 1, 3, 3]);
    let conv = Conv3x3::symmetric(1);
    let expected = values(&depthwise(&x, &weight, conv).unwrap());
    assert_close(
        "depthwise",
        &values(&depthwise(&transposed, &weight, conv).unwrap()),
        &expected,
        Tolerance::EXACT,
    );
}

#[test]
fn wrong_shapes_are_errors_that_name_both() {
    let x = tensor(1, &[1, 4, 4, 8]);
    let message = depthwise(&x, &tensor(2, &[4, 1, 3, 3]), Conv3x3::symmetric(1))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("[4, 1, 3, 3]") && message.contains("[8, 1, 3, 3]"),
        "{message}"
    );
    assert!(pointwise(&x, &tensor(2, &[4, 7, 1, 1])).is_err());
    assert!(
        stem(
            &tensor(1, &[1, 4, 8, 8]),
            &tensor(2, &[4, 3, 3, 3]),
            Conv3x3::symmetric(2)
        )
        .is_err()
    );
    let doubles = Tensor::zeros((1, 4, 4, 8), candle_core::DType::F64, &Device::Cpu).unwrap();
    assert!(pointwise(&doubles, &tensor(2, &[4, 8, 1, 1])).is_err());
}

/// Enough rows for many blocks and parts.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (x, weight) = (tensor(1, &[3, 40, 40, 24]), tensor(2, &[24, 1, 3, 3]));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let weight = candle_core::Var::from_tensor(&weight).unwrap();
            let out = depthwise(&x, weight.as_tensor(), Conv3x3::symmetric(1)).unwrap();
            let gradients = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            values(gradients.get(&weight).unwrap())
        })
    };
    assert_close("weight gradient", &run(3), &run(1), Tolerance::EXACT);
}
