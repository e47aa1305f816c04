//! Depthwise 3x3 convolution, row by row; a group of channels keeps its nine weights in registers along a row.

use rayon::prelude::*;

use super::{Bias, Fused, mul_add, vectorised};
use crate::Conv3x3;

/// Shape of the input, `[n, h, w, c]`, and of the output, `[n, oh, ow, c]`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub oh: usize,
    pub ow: usize,
}

/// PyTorch's `[c, 1, 3, 3]` to `[9, c]`, so that neighbouring channels are neighbours.
pub(crate) fn taps_first(w: &[f32], c: usize) -> Vec<f32> {
    (0..9 * c).map(|i| w[i % c * 9 + i / c]).collect()
}

/// `out[n, oy, ox, c] = sum over taps of x[n, iy, ix, c] w[tap, c]`, then the epilogue.
pub(crate) fn forward(out: &mut [f32], x: &[f32], taps: &[f32], conv: Conv3x3, s: Shape, bias: Option<Bias>) {
    let rows = out.par_chunks_mut(s.ow * s.c).enumerate();
    rows.for_each(|(row, out)| {
        let (image, oy) = (row / s.oh, row % s.oh);
        // Row of the kernel and the input row that it meets, for those that are not in the padding.
        let input_row = |ky: usize| {
            let start = (image * s.h + conv.input(oy, ky, s.h)?) * s.w * s.c;
            Some((ky, &x[start..start + s.w * s.c]))
        };
        let rows: Vec<_> = (0..3).filter_map(input_row).collect();
        vectorised(
            #[inline(always)]
            |fused| {
                correlate_row(fused, out, &rows, taps, s.c, |ox, k| conv.input(ox, k, s.w));
                if let Some(bias) = bias {
                    bias.apply(out);
                }
            },
        );
    });
}

/// `out[x, c] = sum over (ky, row) and kx of row[column(x, kx), c] taps[3 ky + kx, c]`, for all `c`.
///
/// `column` gives the position in `row` that tap `kx` meets at position `x` of the output, if there is one.
#[inline(always)]
pub(super) fn correlate_row(
    fused: Fused,
    out: &mut [f32],
    rows: &[(usize, &[f32])],
    taps: &[f32],
    c: usize,
    column: impl Fn(usize, usize) -> Option<usize>,
) {
    let mut at = 0;
    while at + 16 <= c {
        correlate_lanes::<16>(fused, out, rows, taps, c, at, &column);
        at += 16;
    }
    while at + 8 <= c {
        correlate_lanes::<8>(fused, out, rows, taps, c, at, &column);
        at += 8;
    }
    while at < c {
        correlate_lanes::<1>(fused, out, rows, taps, c, at, &column);
        at += 1;
    }
}

/// [`correlate_row`] for channels `at..at + L`.
#[inline(always)]
fn correlate_lanes<const L: usize>(
    fused: Fused,
    out: &mut [f32],
    rows: &[(usize, &[f32])],
    taps: &[f32],
    c: usize,
    at: usize,
    column: &impl Fn(usize, usize) -> Option<usize>,
) {
    let mut weights = [[0.0f32; L]; 9];
    for (tap, weights) in weights.iter_mut().enumerate() {
        weights.copy_from_slice(&taps[tap * c + at..][..L]);
    }
    for (x, out) in out.chunks_exact_mut(c).enumerate() {
        let columns = [column(x, 0), column(x, 1), column(x, 2)];
        let mut sum = [0.0f32; L];
        for &(ky, row) in rows {
            for (kx, column) in columns.iter().enumerate() {
                let Some(column) = column else { continue };
                let values = &row[column * c + at..][..L];
                let weights = &weights[3 * ky + kx];
                for lane in 0..L {
                    sum[lane] = mul_add(fused, values[lane], weights[lane], sum[lane]);
                }
            }
        }
        out[at..at + L].copy_from_slice(&sum);
    }
}
