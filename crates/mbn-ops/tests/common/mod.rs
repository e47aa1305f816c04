//! Operands, and naive loops that the operations are compared with.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod layer;
mod naive;
pub mod pictures;

use candle_core::{DType, Device, Tensor};
use mbn_ops::{Conv3x3, ParameterGradients};
use mbn_testing::float64::Window;
use proptest::prelude::*;

pub use layer::{EPSILON, Layer};
pub use naive::{naive_conv, naive_conv_gradients, naive_statistics};

pub fn values(tensor: &Tensor) -> Vec<f32> {
    let floats = tensor.to_dtype(DType::F32).unwrap();
    floats.flatten_all().unwrap().to_vec1().unwrap()
}

pub fn doubles(tensor: &Tensor) -> Vec<f64> {
    double(tensor).flatten_all().unwrap().to_vec1().unwrap()
}

/// The geometry, as the reference in float64 takes it.
pub fn window(conv: Conv3x3) -> Window {
    Window {
        stride: conv.stride,
        pad_begin: conv.pad_begin,
        pad_end: conv.pad_end,
    }
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

/// Batch, height, width (1 included) and a geometry that fits them, with any stride and padding. Some rows are longer than what a
/// kernel adds up at a time.
pub fn geometry() -> impl Strategy<Value = (usize, usize, usize, Conv3x3)> {
    let conv = (1usize..3, 0usize..2, 0usize..2).prop_map(|(stride, pad_begin, pad_end)| Conv3x3 {
        stride,
        pad_begin,
        pad_end,
    });
    let width = prop_oneof![3 => 1usize..10, 1 => 16usize..40];
    let sizes = (1usize..4, 1usize..10, width, conv);
    sizes.prop_filter("input smaller than the kernel", |(_, h, w, conv)| {
        conv.out_size(*h).is_ok() && conv.out_size(*w).is_ok()
    })
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
pub fn nchw(x: &Tensor) -> Vec<f32> {
    values(&x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap())
}

/// Gradients that batch norm's parameters might have.
pub fn parameter_gradients(seed: u64, c: usize) -> ParameterGradients {
    ParameterGradients {
        gamma: tensor(seed ^ 21, &[c]),
        beta: tensor(seed ^ 22, &[c]),
    }
}
