//! The folded network's layers: each adds its bias and clamps as it writes, and a depthwise convolution's result
//! stays in the cache for the pointwise convolution that reads it.

use rayon::prelude::*;

use super::depthwise::{self, InputRows, convolve_row};
use super::gemm::{Matrix, gemm};
use super::normalization::AsStored;
use super::pointwise::block_rows;
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, store, vectorised};
use super::stem::{self, ImageRows};
use crate::Conv3x3;

/// Bias `[c]` and upper bound of the activation.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub bias: &'a [f32],
    pub max: f32,
}

impl Epilogue<'_> {
    /// `min(max(0, value + bias), max)` in each row.
    #[inline(always)]
    fn apply(&self, simd: Simd, rows: &mut [f32]) {
        for_lanes(
            simd,
            self.bias.len(),
            &mut Apply {
                rows,
                epilogue: *self,
            },
        );
    }
}

struct Apply<'a> {
    rows: &'a mut [f32],
    epilogue: Epilogue<'a>,
}

impl Lanes for Apply<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, _: Simd, at: usize) {
        let Epilogue { bias, max } = self.epilogue;
        let lanes = load::<f32, L>(bias, at);
        for row in self.rows.chunks_exact_mut(bias.len()) {
            let mut values = load::<f32, L>(row, at);
            for lane in 0..L {
                values[lane] = (values[lane] + lanes[lane]).max(0.0).min(max);
            }
            store(row, at, values);
        }
    }
}

/// The convolution on the image, `[n, 3, h, w]` to `[n, oh, ow, cout]`; `taps` are `[27, cout]`.
pub(crate) fn stem(
    out: &mut [f32],
    image: &[f32],
    taps: &[f64],
    epilogue: Epilogue,
    conv: Conv3x3,
    s: stem::Shape,
) {
    let len = s.ow * s.cout;
    let rows = out.par_chunks_mut(len).enumerate();
    rows.for_each_init(
        || ImageRows::new(conv, s),
        |rows, (row, out)| {
            rows.read(image, row);
            vectorised(
                #[inline(always)]
                |simd| {
                    rows.convolve(simd, out, taps);
                    epilogue.apply(simd, out);
                },
            );
        },
    );
}

/// A depthwise convolution: weights `[9, c]`, and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Depthwise<'a> {
    pub taps: &'a [f32],
    pub epilogue: Epilogue<'a>,
    pub conv: Conv3x3,
    pub shape: depthwise::Shape,
}

impl Depthwise<'_> {
    fn row(&self, out: &mut [f32], x: &[f32], row: usize) {
        let rows = InputRows::new(x, row, self.conv, self.shape);
        vectorised(
            #[inline(always)]
            |simd| {
                convolve_row(simd, out, &rows, AsStored, self.taps, self.conv, self.shape);
                self.epilogue.apply(simd, out);
            },
        );
    }
}

/// A pointwise convolution: weights `[cout, cin]`, and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Pointwise<'a> {
    pub w: &'a [f32],
    pub epilogue: Epilogue<'a>,
}

/// Depthwise and pointwise convolution, `[n, h, w, c]` to `[n, oh, ow, cout]`.
pub(crate) fn separable(out: &mut [f32], x: &[f32], depthwise: &Depthwise, pointwise: Pointwise) {
    let depthwise::Shape { ow, c, n, oh, .. } = depthwise.shape;
    let Pointwise { w, epilogue } = pointwise;
    let cout = epilogue.bias.len();
    let rows = block_rows(c + cout).div_ceil(ow);
    if n * oh <= rows {
        return separable_by_output_channels(out, x, depthwise, pointwise);
    }
    let blocks = out.par_chunks_mut(rows * ow * cout).enumerate();
    blocks.for_each(|(block, out)| {
        with_scratch([out.len() / cout * c], |[between]| {
            for (i, between) in between.chunks_exact_mut(ow * c).enumerate() {
                depthwise.row(between, x, block * rows + i);
            }
            gemm(out, Matrix::new(between, c), Matrix::new(w, c).t(), false);
        });
        vectorised(
            #[inline(always)]
            |simd| epilogue.apply(simd, out),
        );
    });
}

/// [`separable`] for so few pixels that threads have to share them.
fn separable_by_output_channels(out: &mut [f32], x: &[f32], depthwise: &Depthwise, pointwise: Pointwise) {
    /// Output channels that a thread takes at once.
    const CHANNELS: usize = 64;
    let depthwise::Shape { ow, c, .. } = depthwise.shape;
    let Pointwise { w, epilogue } = pointwise;
    let cout = epilogue.bias.len();
    let pixels = out.len() / cout;
    with_scratch([pixels * c], |[between]| {
        let rows = between.par_chunks_exact_mut(ow * c).enumerate();
        rows.for_each(|(row, between)| depthwise.row(between, x, row));
        let between = &*between;
        let columns = w.par_chunks(CHANNELS * c).zip(epilogue.bias.par_chunks(CHANNELS));
        let columns = columns.map(|(w, bias)| {
            let mut out = vec![0.0; pixels * bias.len()];
            gemm(&mut out, Matrix::new(between, c), Matrix::new(w, c).t(), false);
            let epilogue = Epilogue {
                bias,
                max: epilogue.max,
            };
            vectorised(
                #[inline(always)]
                |simd| epilogue.apply(simd, &mut out),
            );
            out
        });
        for (i, column) in columns.collect::<Vec<_>>().into_iter().enumerate() {
            let width = column.len() / pixels;
            for (out, column) in out.chunks_exact_mut(cout).zip(column.chunks_exact(width)) {
                out[i * CHANNELS..i * CHANNELS + width].copy_from_slice(column);
            }
        }
    });
}
