//! Naive loops that the operations are compared with, and gradients by finite differences.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test file uses its part")]

use candle_core::{Device, Tensor, Var};
use mbn_ops::Conv3x3;
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

/// Step of the central difference: large enough that float32 values differ in enough digits.
const STEP: f32 = 1e-2;

pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
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
/// result `[n, cout, oh, ow]`, in float64.
pub fn naive_conv(
    x: &[f32],
    w: &[f32],
    (n, cin, h, width): (usize, usize, usize, usize),
    cout: usize,
    groups: usize,
    conv: Conv3x3,
) -> Vec<f32> {
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
                                sum +=
                                    f64::from(x[at]) * f64::from(w[((o * per_group + i) * 3 + ky) * 3 + kx]);
                            }
                        }
                    }
                    out.push(sum as f32);
                }
            }
        }
    }
    out
}

/// Compares the gradients of `sum(f(inputs) * weights)` by candle with central differences in a few elements
/// of each input.
pub fn check_gradients(name: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    let out_shape = f(inputs).shape().clone();
    let weights = tensor(99, out_shape.dims());
    let objective = |inputs: &[Tensor]| (f(inputs) * &weights).unwrap().sum_all().unwrap();
    let vars: Vec<Var> = inputs
        .iter()
        .map(|input| Var::from_tensor(input).unwrap())
        .collect();
    let tracked: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let gradients = objective(&tracked).backward().unwrap();
    for (i, input) in inputs.iter().enumerate() {
        let gradient = values(gradients.get(&vars[i]).expect("every input has a gradient"));
        let base = values(input);
        let picks: Vec<usize> = (0..base.len()).step_by((base.len() / 7).max(1)).collect();
        let at = |j: usize, delta: f32| {
            let mut moved = base.clone();
            moved[j] += delta;
            let mut inputs = inputs.to_vec();
            inputs[i] = Tensor::from_vec(moved, input.shape(), &Device::Cpu).unwrap();
            f64::from(objective(&inputs).to_scalar::<f32>().unwrap())
        };
        let difference = |j: usize| ((at(j, STEP) - at(j, -STEP)) / f64::from(2.0 * STEP)) as f32;
        let expected: Vec<f32> = picks.iter().map(|&j| difference(j)).collect();
        let found: Vec<f32> = picks.iter().map(|&j| gradient[j]).collect();
        assert_close(
            &format!("{name}: gradient of input {i}"),
            &found,
            &expected,
            Tolerance::FINITE_DIFFERENCE,
        );
    }
}
