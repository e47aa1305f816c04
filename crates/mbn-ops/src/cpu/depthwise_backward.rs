//! Gradients of the depthwise 3x3 convolution, in one pass along the rows of its input.

use rayon::prelude::*;

use super::depthwise::{PARTS, kernel};
use super::gradient_rows::GradientRows;
use super::normalization::{ConstantLanes, Constants};
use super::prefetch::prefetch_value;
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add, mul_add_lanes, store, unrolled, vectorised};
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
                let row = Row {
                    raw,
                    constants,
                    gradients: met.map(|row| gradients.row(row)),
                    stride: gradients.stride(),
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
                    |simd| row.run(simd, iy),
                );
            }
        });
        (dw, sums)
    });
    let (dw, sums): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
    (sum_in_order(dw), Sums::in_order(sums))
}

/// One row of the input.
struct Row<'a, T> {
    out: &'a mut [T],
    raw: &'a [T],
    constants: Constants<'a>,
    /// The gradient of the convolution's result in the output rows that each row of the kernel leads to; zeros where
    /// there is none.
    gradients: [&'a [f32]; 3],
    /// Distance of their pixels.
    stride: usize,
    /// What the next of these rows is computed from, and where it starts there.
    upstream: Upstream<'a, T>,
    next_upstream: usize,
    taps: &'a [f32],
    conv: Conv3x3,
    s: DepthwiseShape,
    dw: &'a mut [f32],
    sums: &'a mut Sums,
}

impl<T: Element> Row<'_, T> {
    /// Row `iy` of an image.
    #[inline(always)]
    fn run(self, simd: Simd, iy: usize) {
        let padded = iy + self.conv.pad_begin;
        let c = self.s.c;
        // With stride 2, even rows (counted from the padding) meet the first and last row of the kernel, odd ones
        // the middle row.
        if self.conv.stride == 1 {
            let kys = [0, 1, 2];
            for_lanes(simd, c, &mut Meeting::<T, 3, 1> { row: self, kys });
        } else if padded.is_multiple_of(2) {
            let kys = [0, 2];
            for_lanes(simd, c, &mut Meeting::<T, 2, 2> { row: self, kys });
        } else {
            let kys = [1];
            for_lanes(simd, c, &mut Meeting::<T, 1, 2> { row: self, kys });
        }
    }
}

/// A row of the input that meets rows `kys` of a kernel of stride `S`.
struct Meeting<'a, T, const R: usize, const S: usize> {
    row: Row<'a, T>,
    kys: [usize; R],
}

impl<T: Element, const R: usize, const S: usize> Lanes for Meeting<'_, T, R, S> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let Row {
            s, raw, ref mut out, ..
        } = self.row;
        let DepthwiseShape { w, c, ow, .. } = s;
        let pad = self.row.conv.pad_begin;
        let rows = self.kys.map(|ky| self.row.gradients[ky]);
        let mut pixels = Pixels::<L, R> {
            simd,
            constants: self.row.constants.lanes(at),
            weights: kernel(self.row.taps, self.kys, c, at),
            dw: [[[0.0; L]; 3]; R],
            first: Pixel::zero(),
            second: Pixel::zero(),
            third: Pixel::zero(),
            sums: [0.0; L],
            products: [0.0; L],
        };
        // The lines of the next row, which are loaded while this one is computed.
        let (next, next_upstream) = (w * c, self.row.next_upstream);
        let Upstream {
            raw: next_raw,
            gradient: next_gradient,
            ..
        } = self.row.upstream;
        pixels.first.a = pixels.activation(raw, 0usize.wrapping_sub(pad), (w, c), at);
        if S == 1 {
            pixels.second.a = pixels.activation(raw, 1 - pad, (w, c), at);
        }
        // Column `ox` of the output meets `ix` and the two columns after it.
        for ox in 0..ow {
            // In the order of memory. A group of channels touches one line of each pixel, an order that the processor does not
            // foresee.
            let line = (at / L * ow + ox) * L;
            prefetch_value(next_raw, next_upstream + line);
            prefetch_value(next_gradient, next_upstream + line);
            for part in 0..S {
                prefetch_value(raw, next + S * line + part * L);
                prefetch_value(out, next + S * line + part * L);
            }
            let ix = (S * ox).wrapping_sub(pad);
            if S == 2 {
                pixels.second.a = pixels.activation(raw, ix.wrapping_add(1), (w, c), at);
            }
            pixels.third.a = pixels.activation(raw, ix.wrapping_add(2), (w, c), at);
            unrolled!(r in [0 1 2] {
                if r < R {
                    pixels.meet(r, load(rows[r], ox * self.row.stride + at));
                }
            });
            if ix < w {
                pixels.finish(pixels.first, raw, out, ix * c + at);
            }
            if S == 2 {
                if ix.wrapping_add(1) < w {
                    pixels.finish(pixels.second, raw, out, ix.wrapping_add(1) * c + at);
                }
                (pixels.first, pixels.second) = (pixels.third, Pixel::zero());
            } else {
                (pixels.first, pixels.second) = (pixels.second, pixels.third);
            }
            pixels.third = Pixel::zero();
        }
        // Columns that later columns of the output would meet.
        for ix in S * ow - pad..w {
            if S == 2 {
                pixels.first.a = pixels.activation(raw, ix, (w, c), at);
            }
            pixels.finish(pixels.first, raw, out, ix * c + at);
            (pixels.first, pixels.second) = (pixels.second, Pixel::zero());
        }
        self.flush(&pixels, at);
    }
}

impl<T: Element, const R: usize, const S: usize> Meeting<'_, T, R, S> {
    #[inline(always)]
    fn flush<const L: usize>(&mut self, pixels: &Pixels<L, R>, at: usize) {
        let Row { s, dw, sums, .. } = &mut self.row;
        unrolled!(r in [0 1 2] {
            if r < R {
                unrolled!(kx in [0 1 2] {
                    let dw = &mut dw[(3 * self.kys[r] + kx) * s.c + at..][..L];
                    for (dw, sum) in dw.iter_mut().zip(pixels.dw[r][kx]) {
                        *dw += sum;
                    }
                });
            }
        });
        sums.add_lanes(at, pixels.sums, pixels.products);
    }
}

/// The activation of a pixel of the input and its gradient as far as it is known.
#[derive(Clone, Copy)]
struct Pixel<const L: usize> {
    a: [f32; L],
    gradient: [f32; L],
}

impl<const L: usize> Pixel<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self {
            a: [0.0; L],
            gradient: [0.0; L],
        }
    }
}

/// What is known along a row for `L` channels: the weights, and sums in registers.
struct Pixels<const L: usize, const R: usize> {
    simd: Simd,
    constants: ConstantLanes<L>,
    weights: [[[f32; L]; 3]; R],
    dw: [[[f32; L]; 3]; R],
    /// The three columns of the input that a column of the output meets.
    first: Pixel<L>,
    second: Pixel<L>,
    third: Pixel<L>,
    sums: [f32; L],
    products: [f32; L],
}

impl<const L: usize, const R: usize> Pixels<L, R> {
    /// The activation of column `ix` of `w`; zero in the padding.
    #[inline(always)]
    fn activation<T: Element>(&self, input: &[T], ix: usize, (w, c): (usize, usize), at: usize) -> [f32; L] {
        if ix >= w {
            return [0.0; L];
        }
        self.constants
            .activate(self.simd, load::<T, L>(input, ix * c + at))
    }

    /// The three columns meet the gradient of the convolution's result in row `r`.
    #[inline(always)]
    fn meet(&mut self, r: usize, dy: [f32; L]) {
        let (weights, dw, simd) = (&self.weights[r], &mut self.dw[r], self.simd);
        self.first.gradient = mul_add_lanes(simd, dy, weights[0], self.first.gradient);
        self.second.gradient = mul_add_lanes(simd, dy, weights[1], self.second.gradient);
        self.third.gradient = mul_add_lanes(simd, dy, weights[2], self.third.gradient);
        dw[0] = mul_add_lanes(simd, dy, self.first.a, dw[0]);
        dw[1] = mul_add_lanes(simd, dy, self.second.a, dw[1]);
        dw[2] = mul_add_lanes(simd, dy, self.third.a, dw[2]);
    }

    /// Writes the gradient of batch norm's result, given that of its activation.
    #[inline(always)]
    fn finish<T: Element>(&mut self, pixel: Pixel<L>, input: &[T], out: &mut [T], at: usize) {
        // The activation tells as well as batch norm's result whether the gradient passes.
        let passed = self.constants.pass(pixel.a, pixel.gradient);
        let centred = self.constants.centre(load::<T, L>(input, at));
        for lane in 0..L {
            self.sums[lane] += passed[lane];
            self.products[lane] = mul_add(self.simd, passed[lane], centred[lane], self.products[lane]);
        }
        store(out, at, passed);
    }
}
