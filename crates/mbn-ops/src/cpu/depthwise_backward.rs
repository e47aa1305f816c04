//! Gradients of the depthwise 3x3 convolution.

use rayon::prelude::*;

use super::depthwise::{Shape, correlate_row};
use super::{Fused, mul_add, sum_in_order, vectorised};
use crate::Conv3x3;

/// The weight gradient is a sum over all output rows, split in at most so many parts.
const PARTS: usize = 32;

/// `dx[n, iy, ix, c] = sum over taps of dy[n, oy, ox, c] w[tap, c]` for the outputs that read the input.
pub(crate) fn input_gradient(dx: &mut [f32], dy: &[f32], taps: &[f32], conv: Conv3x3, s: Shape) {
    dx.par_chunks_mut(s.w * s.c).enumerate().for_each(|(row, dx)| {
        let (image, iy) = (row / s.h, row % s.h);
        let output_row = |ky: usize| {
            let start = (image * s.oh + conv.output(iy, ky, s.oh)?) * s.ow * s.c;
            Some((ky, &dy[start..start + s.ow * s.c]))
        };
        let rows: Vec<_> = (0..3).filter_map(output_row).collect();
        vectorised(
            #[inline(always)]
            |fused| correlate_row(fused, dx, &rows, taps, s.c, |ix, k| conv.output(ix, k, s.ow)),
        );
    });
}

/// `dw[c, tap] = sum over n, oy, ox of x[n, iy, ix, c] dy[n, oy, ox, c]`, in PyTorch's layout.
pub(crate) fn weight_gradient(x: &[f32], dy: &[f32], conv: Conv3x3, s: Shape) -> Vec<f32> {
    let rows = s.n * s.oh;
    let part = rows.div_ceil(PARTS).max(1);
    let parts = (0..rows.div_ceil(part)).into_par_iter().map(|i| {
        let mut dw = vec![0.0; 9 * s.c];
        let rows = i * part..((i + 1) * part).min(rows);
        vectorised(
            #[inline(always)]
            |fused| accumulate_rows(fused, &mut dw, rows, x, dy, conv, s),
        );
        dw
    });
    let taps = sum_in_order(parts.collect());
    (0..9 * s.c).map(|i| taps[i % 9 * s.c + i / 9]).collect()
}

#[inline(always)]
fn accumulate_rows(
    fused: Fused,
    dw: &mut [f32],
    rows: std::ops::Range<usize>,
    x: &[f32],
    dy: &[f32],
    conv: Conv3x3,
    s: Shape,
) {
    for row in rows {
        let (image, oy) = (row / s.oh, row % s.oh);
        let dy = &dy[row * s.ow * s.c..][..s.ow * s.c];
        for ky in 0..3 {
            let Some(iy) = conv.input(oy, ky, s.h) else {
                continue;
            };
            let x = &x[(image * s.h + iy) * s.w * s.c..][..s.w * s.c];
            let dw = &mut dw[3 * ky * s.c..][..3 * s.c];
            let mut at = 0;
            while at + 16 <= s.c {
                accumulate_lanes::<16>(fused, dw, x, dy, conv, s, at);
                at += 16;
            }
            while at + 8 <= s.c {
                accumulate_lanes::<8>(fused, dw, x, dy, conv, s, at);
                at += 8;
            }
            while at < s.c {
                accumulate_lanes::<1>(fused, dw, x, dy, conv, s, at);
                at += 1;
            }
        }
    }
}

/// One row of the kernel, channels `at..at + L`: three sums in registers along the row.
#[inline(always)]
fn accumulate_lanes<const L: usize>(
    fused: Fused,
    dw: &mut [f32],
    x: &[f32],
    dy: &[f32],
    conv: Conv3x3,
    s: Shape,
    at: usize,
) {
    let mut sums = [[0.0f32; L]; 3];
    for (ox, dy) in dy.chunks_exact(s.c).enumerate() {
        let dy = &dy[at..at + L];
        for (kx, sum) in sums.iter_mut().enumerate() {
            let Some(ix) = conv.input(ox, kx, s.w) else {
                continue;
            };
            let x = &x[ix * s.c + at..][..L];
            for lane in 0..L {
                sum[lane] = mul_add(fused, x[lane], dy[lane], sum[lane]);
            }
        }
    }
    for (kx, sum) in sums.iter().enumerate() {
        for (dw, sum) in dw[kx * s.c + at..][..L].iter_mut().zip(sum) {
            *dw += sum;
        }
    }
}
