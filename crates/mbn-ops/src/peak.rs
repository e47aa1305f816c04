//! The most that this machine can do, for comparison with what the kernels reach.

use std::time::Instant;

use candle_core::DType;
use rayon::prelude::*;

use crate::cpu::packed::Packed;
use crate::cpu::product::{Ahead, Arithmetic, Finish, Left, Paired, Single, padded};
use crate::cpu::simd::has_bf16_products;

/// Repetitions. The fastest counts: other programs can only slow one down.
const REPETITIONS: usize = 20;

/// Floating-point operations per second of matrix products whose factors are in the cache, on all threads; for
/// bfloat16 by the instructions that the kernels would use.
pub fn product_flops(dtype: DType) -> f64 {
    if dtype == DType::BF16 && has_bf16_products() {
        rate::<Paired>()
    } else {
        rate::<Single>()
    }
}

fn rate<F: Arithmetic>() -> f64 {
    /// A part of a second-level cache, deep enough that writing the result does not count.
    const ROWS: usize = 112;
    const COLS: usize = 256;
    const DEPTH: usize = 512;
    /// Products of a thread in one measurement.
    const PRODUCTS: usize = 20;

    let stride = padded(F::words(DEPTH));
    let left = vec![F::word(0.5, 0.5); ROWS * stride];
    let right = Packed::columns::<F>(&vec![0.25; DEPTH * COLS], DEPTH);
    let threads = rayon::current_num_threads();
    let flops = (2 * ROWS * COLS * DEPTH * PRODUCTS * threads) as f64;
    let mut results = vec![vec![0.0; ROWS * COLS]; threads];
    fastest(flops, || {
        results.par_iter_mut().for_each(|out| {
            for _ in 0..PRODUCTS {
                let left = Left::rows(&left, stride);
                F::multiply(
                    out,
                    COLS,
                    F::words(DEPTH),
                    left,
                    right.right(),
                    Finish::Store,
                    Ahead::NOTHING,
                );
            }
        });
    })
}

/// Bytes read and written per second by a copy between arrays that fit no cache, on all threads.
pub fn copy_bandwidth() -> f64 {
    const FLOATS: usize = 32 * 1024 * 1024;
    const CHUNK: usize = 64 * 1024;

    let (from, mut to) = (vec![1.0f32; FLOATS], vec![0.0f32; FLOATS]);
    fastest((2 * FLOATS * size_of::<f32>()) as f64, || {
        let chunks = to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK));
        chunks.for_each(|(to, from)| to.copy_from_slice(from));
    })
}

/// `amount` by the time of the fastest run.
fn fastest(amount: f64, mut run: impl FnMut()) -> f64 {
    let times = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    amount / times.fold(f64::INFINITY, f64::min)
}
