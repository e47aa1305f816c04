//! Gradients of the depthwise 3x3 convolution, in one pass along the rows of its input.

use rayon::prelude::*;

use super::depthwise::PARTS;
use super::gradient_rows::GradientRows;
use super::normalization::{ConstantLanes, Constants};
use super::prefetch::prefetch_value;
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add, mul_add_lanes, store, vectorised};
use super::sum_in_order;
use super::sums::Sums;
use super::upstream::Upstream;
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::shapes::DepthwiseShape;

/// Writes to `out`, `[n, h, w, c]`, the gradient of batch norm's result in the layer before, given its `raw` input
/// and constants. Returns the weights' gradient `[9, c]`, and the sums of `out` and of `out (raw - mean)`.
pub(crate) fn backward<T: Element>(
    out: &mut [T],
    raw: &[T],
    constants: Constants,
    upstream: Upstream<T>,
    taps: &[f32],
    conv: Conv3x3,
    s: DepthwiseShape,
) -> (Vec<f32>, Sums) {
    let len = s.w * s.c;
    let part = (s.n * s.h).div_ceil(PARTS);
    let parts = out.par_chunks_mut(part * len).zip(raw.par_chunks(part * len));
    let parts = parts.enumerate().map(|(i, (out, raw))| {
        let mut sums = Sums::new(s.c);
        let mut dw = vec![0.0; 9 * s.c];
        with_scratch([GradientRows::values(s)], |[memory]| {
            let mut gradients = GradientRows::new(memory, s);
            let rows = out.chunks_exact_mut(len).zip(raw.chunks_exact(len));
            for (j, (out, raw)) in rows.enumerate() {
                let (image, iy) = ((i * part + j) / s.h, (i * part + j) % s.h);
                let met = [0, 1, 2].map(|ky| conv.output(iy, ky, s.oh).map(|oy| image * s.oh + oy));
                met.into_iter()
                    .flatten()
                    .for_each(|row| gradients.compute(row, upstream));
                let context = Context {
                    raw,
                    constants,
                    gradients: met.map(|row| gradients.row(row)),
                    present: met.map(|row| row.is_some()),
                    upstream,
                    next_upstream: met[0].or(met[1]).map_or(0, |row| (row + 1) * s.ow * s.c),
                    taps,
                    conv,
                    s,
                    out,
                    dw: &mut dw,
                    sums: &mut sums,
                };
                vectorised(
                    #[inline(always)]
                    |simd| context.run(simd, iy),
                );
            }
        });
        (dw, sums)
    });
    let (dw, sums): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
    (sum_in_order(dw), Sums::in_order(sums))
}

/// One row of the input.
struct Context<'a, T> {
    out: &'a mut [T],
    raw: &'a [T],
    constants: Constants<'a>,
    /// The gradient of the convolution's result in the output rows that each row of the kernel leads to; zeros where
    /// there is none.
    gradients: [&'a [f32]; 3],
    present: [bool; 3],
    /// What the next of these rows is computed from, and where it starts there.
    upstream: Upstream<'a, T>,
    next_upstream: usize,
    taps: &'a [f32],
    conv: Conv3x3,
    s: DepthwiseShape,
    dw: &'a mut [f32],
    sums: &'a mut Sums,
}

impl<T: Element> Context<'_, T> {
    /// Row `iy` of an image.
    #[inline(always)]
    fn run(self, simd: Simd, iy: usize) {
        let padded = iy + self.conv.pad_begin;
        let c = self.s.c;
        // With stride 2, even rows (counted from the padding) meet the first and last row of the kernel, odd ones
        // the middle row.
        if self.conv.stride == 1 {
            for_lanes(simd, c, &mut Row::<T, 3, 1>::new(self, [0, 1, 2]));
        } else if padded.is_multiple_of(2) {
            for_lanes(simd, c, &mut Row::<T, 2, 2>::new(self, [0, 2]));
        } else {
            for_lanes(simd, c, &mut Row::<T, 1, 2>::new(self, [1]));
        }
    }
}

/// One row of the input, to which `R` rows of the kernel of stride `S` lead.
struct Row<'a, T, const R: usize, const S: usize> {
    context: Context<'a, T>,
    kys: [usize; R],
}

impl<'a, T: Element, const R: usize, const S: usize> Row<'a, T, R, S> {
    #[inline(always)]
    fn new(context: Context<'a, T>, kys: [usize; R]) -> Self {
        Self { context, kys }
    }

    #[inline(always)]
    fn weights<const L: usize>(&self, at: usize) -> [[[f32; L]; 3]; R] {
        let mut weights = [[[0.0; L]; 3]; R];
        for (weights, ky) in weights.iter_mut().zip(self.kys) {
            for (kx, weights) in weights.iter_mut().enumerate() {
                *weights = load(self.context.taps, (3 * ky + kx) * self.context.s.c + at);
            }
        }
        weights
    }
}

impl<T: Element, const R: usize, const S: usize> Lanes for Row<'_, T, R, S> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let DepthwiseShape { w, c, ow, .. } = self.context.s;
        let pad = self.context.conv.pad_begin;
        let mut pixels = Pixels::<L, R> {
            weights: self.weights(at),
            dw: [[[0.0; L]; 3]; R],
            sums: [0.0; L],
            products: [0.0; L],
        };
        let column = Columns::<R> {
            rows: self.kys.map(|ky| self.context.gradients[ky]),
            ow,
            c,
            at,
        };
        let constants = self.context.constants.lanes::<L>(at);
        let (input, out) = (self.context.raw, &mut *self.context.out);
        // While this row is computed, the lines of the next one are loaded in the order of memory. A group of channels touches
        // one line of each pixel, an order that the processor does not foresee.
        let (next, next_upstream) = (w * c, self.context.next_upstream);
        let Upstream { raw, gradient, .. } = self.context.upstream;
        if S == 1 {
            // Tap kx of input column ix belongs to output column ix + pad - kx.
            let zero = [[0.0; L]; R];
            let (mut left, mut middle) = (zero, if pad == 1 { column.get(0) } else { zero });
            for ix in 0..w {
                let line = (at / L * w + ix) * L;
                prefetch_value(input, next + line);
                prefetch_value(out, next + line);
                prefetch_value(raw, next_upstream + line);
                prefetch_value(gradient, next_upstream + line);
                let right = column.get(ix + pad);
                let taps = [(0, &right), (1, &middle), (2, &left)];
                pixels.meet(simd, out, input, ix * c + at, &constants, taps);
                (left, middle) = (middle, right);
            }
        } else {
            let mut before = [[0.0; L]; R];
            for ox in 0..=w.div_ceil(2) {
                let line = (at / L * ow + ox) * L;
                prefetch_value(raw, next_upstream + line);
                prefetch_value(gradient, next_upstream + line);
                for line in [2 * line, 2 * line + L] {
                    prefetch_value(input, next + line);
                    prefetch_value(out, next + line);
                }
                let here = column.get(ox);
                if 2 * ox >= pad && 2 * ox - pad < w {
                    let at = (2 * ox - pad) * c + at;
                    pixels.meet(simd, out, input, at, &constants, [(0, &here), (2, &before)]);
                }
                if 2 * ox + 1 - pad < w {
                    let at = (2 * ox + 1 - pad) * c + at;
                    pixels.meet(simd, out, input, at, &constants, [(1, &here)]);
                }
                before = here;
            }
        }
        self.flush(&pixels, at);
    }
}

impl<T: Element, const R: usize, const S: usize> Row<'_, T, R, S> {
    #[inline(always)]
    fn flush<const L: usize>(&mut self, pixels: &Pixels<L, R>, at: usize) {
        let c = self.context.s.c;
        for r in 0..R {
            let ky = self.kys[r];
            if self.context.present[ky] {
                for kx in 0..3 {
                    let start = (3 * ky + kx) * c + at;
                    for (dw, sum) in self.context.dw[start..start + L].iter_mut().zip(pixels.dw[r][kx]) {
                        *dw += sum;
                    }
                }
            }
        }
        self.context.sums.add_lanes(at, pixels.sums, pixels.products);
    }
}

/// What is known along a row for `L` channels: the weights, and sums in registers.
struct Pixels<const L: usize, const R: usize> {
    weights: [[[f32; L]; 3]; R],
    dw: [[[f32; L]; 3]; R],
    sums: [f32; L],
    products: [f32; L],
}

impl<const L: usize, const R: usize> Pixels<L, R> {
    /// The input pixel whose channels start at `at` meets columns of gradients with the given taps: adds to the
    /// weights' gradient, and writes the gradient of batch norm's result.
    #[inline(always)]
    fn meet<T: Element, const N: usize>(
        &mut self,
        simd: Simd,
        out: &mut [T],
        input: &[T],
        at: usize,
        constants: &ConstantLanes<L>,
        taps: [(usize, &[[f32; L]; R]); N],
    ) {
        let raw = load::<T, L>(input, at);
        let normalised = constants.normalise(simd, raw);
        let a = constants.clamp(normalised);
        let mut gradient = [0.0; L];
        for (kx, column) in taps {
            for (r, column) in column.iter().enumerate() {
                gradient = mul_add_lanes(simd, *column, self.weights[r][kx], gradient);
                self.dw[r][kx] = mul_add_lanes(simd, *column, a, self.dw[r][kx]);
            }
        }
        let passed = constants.pass(normalised, gradient);
        let centred = constants.centre(raw);
        for lane in 0..L {
            self.sums[lane] += passed[lane];
            self.products[lane] = mul_add(simd, passed[lane], centred[lane], self.products[lane]);
        }
        store(out, at, passed);
    }
}

/// The gradient of the convolution's result in `R` rows of the output.
struct Columns<'a, const R: usize> {
    rows: [&'a [f32]; R],
    ow: usize,
    c: usize,
    at: usize,
}

impl<const R: usize> Columns<'_, R> {
    /// Those of column `ox` for `L` channels; zero beside the output.
    #[inline(always)]
    fn get<const L: usize>(&self, ox: usize) -> [[f32; L]; R] {
        let mut column = [[0.0; L]; R];
        if ox < self.ow {
            for (values, row) in column.iter_mut().zip(self.rows) {
                *values = load(row, ox * self.c + self.at);
            }
        }
        column
    }
}
