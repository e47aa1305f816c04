//! 1x1 convolution as matrix products over blocks of rows.

use rayon::prelude::*;

use super::gemm::{Matrix, gemm};
use super::{Bias, sum_in_order, vectorised};

/// Rows of a block: its input and output stay in the second-level cache.
const BLOCK_ROWS: usize = 512;
/// The weight gradient is a sum over all rows, split in at most so many parts.
const GRADIENT_PARTS: usize = 32;

/// `out[row] = x[row] w^T`, then the epilogue; `x` is `[rows, cin]`, `w` `[cout, cin]`.
pub(crate) fn forward(out: &mut [f32], x: &[f32], w: &[f32], cin: usize, cout: usize, bias: Option<Bias>) {
    let blocks = out
        .par_chunks_mut(BLOCK_ROWS * cout)
        .zip(x.par_chunks(BLOCK_ROWS * cin));
    blocks.for_each(|(out, x)| {
        gemm(out, Matrix::new(x, cin), Matrix::new(w, cin).t(), false);
        if let Some(bias) = bias {
            vectorised(
                #[inline(always)]
                |_| bias.apply(out),
            );
        }
    });
}

/// `dx[row] = dy[row] w`.
pub(crate) fn input_gradient(dx: &mut [f32], dy: &[f32], w: &[f32], cin: usize, cout: usize) {
    let blocks = dx
        .par_chunks_mut(BLOCK_ROWS * cin)
        .zip(dy.par_chunks(BLOCK_ROWS * cout));
    blocks.for_each(|(dx, dy)| gemm(dx, Matrix::new(dy, cout), Matrix::new(w, cin), false));
}

/// `dw = dy^T x`, `[cout, cin]`.
pub(crate) fn weight_gradient(x: &[f32], dy: &[f32], cin: usize, cout: usize) -> Vec<f32> {
    let rows = x.len() / cin;
    let part = rows.div_ceil(GRADIENT_PARTS).max(BLOCK_ROWS);
    let parts = x.par_chunks(part * cin).zip(dy.par_chunks(part * cout));
    let parts = parts.map(|(x, dy)| {
        let mut dw = vec![0.0; cout * cin];
        gemm(&mut dw, Matrix::new(dy, cout).t(), Matrix::new(x, cin), false);
        dw
    });
    sum_in_order(parts.collect())
}
