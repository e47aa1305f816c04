//! Depthwise 3x3 convolution, row by row; a group of channels keeps its nine weights in registers along a row.

use rayon::prelude::*;

use super::normalization::{AsStored, Constants, Map};
use super::prefetch::prefetch_value;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add_lanes, store, vectorised};
use super::sums::Sums;
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::shapes::DepthwiseShape;

/// Most parts of the output's rows, each with its own sums.
pub(super) const PARTS: usize = 64;

/// PyTorch's `[c, 1, 3, 3]` to `[9, c]`, so that neighbouring channels are neighbours.
pub(crate) fn taps_first(w: &[f32], c: usize) -> Vec<f32> {
    (0..9 * c).map(|i| w[i % c * 9 + i / c]).collect()
}

/// `out[n, oy, ox, c] = sum over taps of a[n, iy, ix, c] w[tap, c]` with `a` the activation of `x`; the sums of the
/// results and of their squares.
pub(crate) fn forward<T: Element>(
    out: &mut [T],
    x: &[T],
    input: Constants,
    taps: &[f32],
    conv: Conv3x3,
    s: DepthwiseShape,
) -> Sums {
    let part = (s.n * s.oh).div_ceil(PARTS);
    let parts = out.par_chunks_mut(part * s.ow * s.c).enumerate();
    let parts = parts.map(|(i, out)| {
        let mut sums = Sums::new(s.c);
        for (j, out) in out.chunks_exact_mut(s.ow * s.c).enumerate() {
            let rows = InputRows::new(x, i * part + j, conv, s);
            vectorised(
                #[inline(always)]
                |simd| {
                    convolve_row(simd, (out, s.c), &rows, (input, AsStored), taps, conv, s);
                    sums.add_squares(simd, out, s.c);
                },
            );
        }
        sums
    });
    Sums::in_order(parts.collect::<Vec<_>>())
}

/// The rows that the taps of one output row meet.
pub(super) struct InputRows<'a, T> {
    /// A row in the padding is replaced by any other, whose weights count as zero.
    rows: [&'a [T]; 3],
    present: [bool; 3],
}

impl<'a, T> InputRows<'a, T> {
    /// For row `row` of all `n oh` output rows.
    pub fn new(x: &'a [T], row: usize, conv: Conv3x3, s: DepthwiseShape) -> Self {
        let (image, oy) = (row / s.oh, row % s.oh);
        let inside = [0, 1, 2].map(|ky| conv.input(oy, ky, s.h));
        let at = |iy: usize| &x[(image * s.h + iy) * s.w * s.c..][..s.w * s.c];
        Self {
            rows: inside.map(|iy| at(iy.unwrap_or(0))),
            present: inside.map(|iy| iy.is_some()),
        }
    }
}

/// One output row, whose pixels lie `stride` apart, with a prologue for loaded values and an epilogue for stored ones.
#[inline(always)]
pub(super) fn convolve_row<T: Element, P: Map, E: Map>(
    simd: Simd,
    (out, stride): (&mut [T], usize),
    rows: &InputRows<T>,
    (prologue, epilogue): (P, E),
    taps: &[f32],
    conv: Conv3x3,
    s: DepthwiseShape,
) {
    let row = Row {
        out,
        stride,
        rows,
        prologue,
        epilogue,
        taps,
        conv,
        s,
    };
    if conv.stride == 1 {
        for_lanes(simd, s.c, &mut Strided::<T, P, E, 1>(row));
    } else {
        for_lanes(simd, s.c, &mut Strided::<T, P, E, 2>(row));
    }
}

/// One output row.
struct Row<'a, T, P, E> {
    out: &'a mut [T],
    stride: usize,
    rows: &'a InputRows<'a, T>,
    prologue: P,
    epilogue: E,
    taps: &'a [f32],
    conv: Conv3x3,
    s: DepthwiseShape,
}

/// One output row of a convolution of stride `S`.
struct Strided<'a, T, P, E, const S: usize>(Row<'a, T, P, E>);

impl<T: Element, P: Map, E: Map, const S: usize> Lanes for Strided<'_, T, P, E, S> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let DepthwiseShape { w, c, .. } = self.0.s;
        let lanes = self.0.prologue.prepare::<L>(at);
        let epilogue = self.0.epilogue.prepare::<L>(at);
        let weights = masked_weights::<L>(self.0.taps, self.0.rows.present, c, at);
        let rows = self.0.rows.rows;
        let mut ix = -(self.0.conv.pad_begin as isize);
        let column = Columns::<T, P, L> {
            simd,
            lanes,
            rows,
            w,
            c,
            at,
        };
        let (mut left, mut middle) = (column.get(ix), column.get(ix + 1));
        let row = self.0.s.ow * self.0.stride;
        for (ox, out) in self.0.out.chunks_mut(self.0.stride).enumerate() {
            // While this row is computed, the lines that the next one adds are loaded, in the order of memory. A group of
            // channels touches one line of each pixel, an order that the processor does not foresee.
            let line = (at / L * self.0.s.ow + ox) * L;
            for next in 0..S {
                for part in 0..S {
                    prefetch_value(rows[2], (next + 1) * w * c + S * line + part * L);
                }
            }
            prefetch_value(out, row - ox * self.0.stride + line);
            let right = column.get(ix + 2);
            let mut sums = [[0.0; L]; 3];
            for ky in 0..3 {
                sums[ky] = mul_add_lanes(simd, left[ky], weights[ky][0], sums[ky]);
                sums[ky] = mul_add_lanes(simd, middle[ky], weights[ky][1], sums[ky]);
                sums[ky] = mul_add_lanes(simd, right[ky], weights[ky][2], sums[ky]);
            }
            let mut sum = sums[0];
            for lane in 0..L {
                sum[lane] += sums[1][lane] + sums[2][lane];
            }
            store(out, at, E::apply(simd, &epilogue, sum));
            ix += S as isize;
            (left, middle) = if S == 1 {
                (middle, right)
            } else {
                (right, column.get(ix + 1))
            };
        }
    }
}

/// Activations of `L` channels in three rows of the input.
struct Columns<'a, T, P: Map, const L: usize> {
    simd: Simd,
    lanes: P::Lanes<L>,
    rows: [&'a [T]; 3],
    w: usize,
    c: usize,
    at: usize,
}

impl<T: Element, P: Map, const L: usize> Columns<'_, T, P, L> {
    /// The activations of column `ix`; zero in the padding.
    #[inline(always)]
    fn get(&self, ix: isize) -> [[f32; L]; 3] {
        let mut column = [[0.0; L]; 3];
        if ix >= 0 && (ix as usize) < self.w {
            for (values, row) in column.iter_mut().zip(self.rows) {
                *values = P::apply(
                    self.simd,
                    &self.lanes,
                    load::<T, L>(row, ix as usize * self.c + self.at),
                );
            }
        }
        column
    }
}

/// Weights of the channels `at..at + L` by row and column; zero in rows that are not present.
#[inline(always)]
fn masked_weights<const L: usize>(
    taps: &[f32],
    present: [bool; 3],
    c: usize,
    at: usize,
) -> [[[f32; L]; 3]; 3] {
    let mut weights = [[[0.0; L]; 3]; 3];
    for (ky, weights) in weights.iter_mut().enumerate() {
        if present[ky] {
            for (kx, weights) in weights.iter_mut().enumerate() {
                *weights = load(taps, (3 * ky + kx) * c + at);
            }
        }
    }
    weights
}
