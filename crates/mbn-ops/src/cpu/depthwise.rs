//! Depthwise 3x3 convolution: two rows of the output at a time, whose sums stay in registers.

use std::array;

use rayon::prelude::*;

use super::normalization::{Constants, Map};
use super::prefetch::prefetch_value;
use super::results::Results;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add_lanes, rounded, store, unrolled, vectorised};
use super::sums::{Sums, SumsOfResults};
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
    // Two rows are computed together.
    let part = (s.n * s.oh).div_ceil(PARTS).next_multiple_of(2);
    let parts = out.par_chunks_mut(part * s.ow * s.c).enumerate();
    let parts = parts.map(|(i, out)| {
        let mut sums = Sums::new(s.c);
        let convolution = Convolution {
            x,
            prologue: input,
            taps,
            conv,
            s,
        };
        convolution.rows(out, s.c, i * part, &mut SumsOfResults(&mut sums));
        sums
    });
    Sums::in_order(parts.collect::<Vec<_>>())
}

/// Columns of the output between two calls of [`Results::finish`].
const BLOCK: usize = 16;

/// A convolution of `x`, `[n, h, w, c]`, whose values the prologue maps.
#[derive(Clone, Copy)]
pub(super) struct Convolution<'a, T, P> {
    pub x: &'a [T],
    pub prologue: P,
    /// `[9, c]`
    pub taps: &'a [f32],
    pub conv: Conv3x3,
    pub s: DepthwiseShape,
}

impl<T: Element, P: Map> Convolution<'_, T, P> {
    /// Rows of the output from row `row` of all `n oh` on, their pixels `stride` apart.
    pub fn rows(&self, mut out: &mut [T], stride: usize, mut row: usize, results: &mut impl Results) {
        let len = self.s.ow * stride;
        while out.len() >= len {
            let in_image = self.s.oh - row % self.s.oh;
            let count = (out.len() / len).min(in_image).min(2);
            let (now, rest) = out.split_at_mut(count * len);
            vectorised(
                #[inline(always)]
                |simd| match (count, self.conv.stride) {
                    (2, 1) => self.run::<2, 4, 1>(simd, now, stride, row, results),
                    (2, _) => self.run::<2, 5, 2>(simd, now, stride, row, results),
                    (_, 1) => self.run::<1, 3, 1>(simd, now, stride, row, results),
                    _ => self.run::<1, 3, 2>(simd, now, stride, row, results),
                },
            );
            out = rest;
            row += count;
        }
    }

    #[inline(always)]
    fn run<const K: usize, const R: usize, const S: usize>(
        &self,
        simd: Simd,
        out: &mut [T],
        stride: usize,
        row: usize,
        results: &mut impl Results,
    ) {
        let DepthwiseShape { h, w, c, oh, ow, .. } = self.s;
        let (image, oy, pad) = (row / oh, row % oh, self.conv.pad_begin);
        let top = (image * h + oy * S).wrapping_sub(pad);
        let mut out = out.chunks_exact_mut(ow * stride);
        let mut rows = Rows::<T, P, _, K, R, S> {
            convolution: self,
            input: Input {
                x: self.x,
                start: top.wrapping_mul(w * c),
                has_first: oy * S >= pad,
                has_last: oy * S + R - 1 < h + pad,
                w,
                c,
                pad,
            },
            out: array::from_fn(|_| out.next().unwrap_or_default()),
            stride,
            results,
        };
        for_lanes(simd, c, &mut rows);
    }
}

/// The rows of the input that one or two rows of the output meet.
#[derive(Clone, Copy)]
struct Input<'a, T> {
    x: &'a [T],
    /// Where they start; the first may lie in the padding, and so before all of `x`.
    start: usize,
    /// Whether the first and the last of them are part of the image, as all others are.
    has_first: bool,
    has_last: bool,
    w: usize,
    c: usize,
    pad: usize,
}

/// `K` rows of the output of a convolution of stride `S`, which meet `R` rows of the input.
struct Rows<'a, T, P, E, const K: usize, const R: usize, const S: usize> {
    convolution: &'a Convolution<'a, T, P>,
    input: Input<'a, T>,
    out: [&'a mut [T]; K],
    stride: usize,
    results: &'a mut E,
}

impl<T: Element, P: Map, E: Results, const K: usize, const R: usize, const S: usize> Lanes
    for Rows<'_, T, P, E, K, R, S>
{
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let DepthwiseShape { w, c, ow, .. } = self.convolution.s;
        let mut pixels = Pixels::<P, K, R, S, L> {
            simd,
            prologue: self.convolution.prologue.prepare(at),
            weights: kernel(self.convolution.taps, [0, 1, 2], c, at),
            first: [[0.0; L]; K],
            second: [[0.0; L]; K],
            third: [[0.0; L]; K],
        };
        let input = self.input;
        let next_input = input.start.wrapping_add(R * w * c);
        let next_out = K * ow * self.stride;
        pixels.meet(input, 0, 0, at);
        if S == 1 {
            pixels.meet(input, 0, 1, at);
        }
        for start in (0..ow).step_by(BLOCK) {
            let mut lanes = self.results.start::<L>(at);
            for ox in start..(start + BLOCK).min(ow) {
                // While these rows are computed, the lines that the next ones add are loaded, in the order of memory. A group
                // of channels touches one line of each pixel, an order that the processor does not foresee.
                let line = (at / L * ow + ox) * L;
                for next in 0..K * S {
                    for part in 0..S {
                        prefetch_value(
                            input.x,
                            next_input.wrapping_add(next * w * c + S * line + part * L),
                        );
                    }
                }
                for k in 0..K {
                    prefetch_value(self.out[0], next_out + k * ow * self.stride + line);
                }
                if S == 2 {
                    pixels.meet(input, ox, 1, at);
                }
                pixels.meet(input, ox, 2, at);
                unrolled!(k in [0 1] {
                    if k < K {
                        let value = self.results.map(simd, &lanes, pixels.first[k]);
                        store(self.out[k], ox * self.stride + at, value);
                        self.results.note(simd, &mut lanes, rounded::<T, L>(value));
                        pixels.first[k] = pixels.second[k];
                        pixels.second[k] = pixels.third[k];
                        pixels.third[k] = [0.0; L];
                    }
                });
            }
            self.results.finish(lanes, at);
        }
    }
}

/// What is known along `K` rows of the output for `L` channels.
struct Pixels<P: Map, const K: usize, const R: usize, const S: usize, const L: usize> {
    simd: Simd,
    prologue: P::Lanes<L>,
    weights: [[[f32; L]; 3]; 3],
    /// Of the next three columns of each row; of two, if the stride is 2.
    first: [[f32; L]; K],
    second: [[f32; L]; K],
    third: [[f32; L]; K],
}

impl<P: Map, const K: usize, const R: usize, const S: usize, const L: usize> Pixels<P, K, R, S, L> {
    /// Adds column `j` of those that column `ox` of the output meets.
    #[inline(always)]
    fn meet<T: Element>(&mut self, input: Input<T>, ox: usize, j: usize, at: usize) {
        let ix = (ox * S + j).wrapping_sub(input.pad);
        if ix >= input.w {
            return;
        }
        let at = input.start.wrapping_add(ix * input.c + at);
        unrolled!(r in [0 1 2 3 4] {
            let present = (r > 0 || input.has_first) && (r + 1 < R || input.has_last);
            let mut value = [0.0; L];
            if r < R && present {
                let x = load::<T, L>(input.x, at.wrapping_add(r * input.w * input.c));
                value = P::apply(self.simd, &self.prologue, x);
            }
            unrolled!(k in [0 1] {
                if k < K && r < R && r >= k * S && r < k * S + 3 {
                    let weights = &self.weights[r - k * S];
                    self.first[k] = mul_add_lanes(self.simd, value, weights[j], self.first[k]);
                    if j >= S {
                        self.second[k] = mul_add_lanes(self.simd, value, weights[j - S], self.second[k]);
                    }
                    if j >= 2 * S {
                        self.third[k] = mul_add_lanes(self.simd, value, weights[j - 2 * S], self.third[k]);
                    }
                }
            });
        });
    }
}

/// Weights of the channels `at..at + L` in rows `kys` of the kernel.
#[inline(always)]
pub(super) fn kernel<const L: usize, const R: usize>(
    taps: &[f32],
    kys: [usize; R],
    c: usize,
    at: usize,
) -> [[[f32; L]; 3]; R] {
    let mut weights = [[[0.0; L]; 3]; R];
    for (weights, ky) in weights.iter_mut().zip(kys) {
        for (kx, weights) in weights.iter_mut().enumerate() {
            *weights = load(taps, (3 * ky + kx) * c + at);
        }
    }
    weights
}
