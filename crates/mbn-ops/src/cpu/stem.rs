//! The dense 3x3 convolution on the image, directly: a pixel's 27 values each times a row of weights.

use candle_core::DType;
use rayon::prelude::*;

use super::depthwise::PARTS;
use super::normalization::{AsStored, Map};
use super::simd::{self, Lanes, Simd, for_lanes, store, unrolled, vectorised};
use super::sums::Sums;
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::shapes::StemShape;

/// Input channels times rows of the kernel: the image's rows that a pixel of the output reads.
const ROWS: usize = 9;
/// Most pixels whose sums are in registers at once.
const MOST_PIXELS: usize = 8;

/// PyTorch's `[out, 3, 3, 3]` to `[27, out]`.
pub(crate) fn taps_first<V: Precision>(w: &[f32], cout: usize) -> Vec<V> {
    (0..27 * cout)
        .map(|i| w[i % cout * 27 + i / cout].into())
        .collect()
}

/// The precision in which the convolution multiplies and sums.
pub(crate) trait Precision: From<f32> + Copy + Send + Sync {
    const ZERO: Self;

    /// `a b + c`
    fn mul_add(simd: Simd, a: Self, b: Self, c: Self) -> Self;
    fn round(self) -> f32;
}

impl Precision for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn mul_add(simd: Simd, a: Self, b: Self, c: Self) -> Self {
        simd::mul_add(simd, a, b, c)
    }

    #[inline(always)]
    fn round(self) -> f32 {
        self
    }
}

impl Precision for f64 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn mul_add(simd: Simd, a: Self, b: Self, c: Self) -> Self {
        if simd.fused { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn round(self) -> f32 {
        self as f32
    }
}

/// `out[n, oy, ox, o] = sum over the patch of image * w[o]`, for `w` `[out, 3, 3, 3]`; the sums of the results and of their
/// squares.
///
/// Results in float32 are summed in float64: every batch norm after them amplifies their rounding, and they take a fiftieth
/// of the network's arithmetic. Beside the rounding of results to bfloat16, that of sums in float32 is nothing.
pub(crate) fn forward<T: Element>(
    out: &mut [T],
    image: &[f32],
    w: &[f32],
    conv: Conv3x3,
    s: StemShape,
) -> Sums {
    match T::DTYPE {
        DType::F32 => forward_in::<T, f64>(out, image, &taps_first(w, s.cout), conv, s),
        _ => forward_in::<T, f32>(out, image, &taps_first(w, s.cout), conv, s),
    }
}

fn forward_in<T: Element, V: Precision>(
    out: &mut [T],
    image: &[f32],
    taps: &[V],
    conv: Conv3x3,
    s: StemShape,
) -> Sums {
    let len = s.ow * s.cout;
    let part = (s.n * s.oh).div_ceil(PARTS);
    let parts = out.par_chunks_mut(part * len).enumerate().map(|(i, out)| {
        let mut sums = Sums::new(s.cout);
        let mut rows = ImageRows::new(conv, s);
        for (j, out) in out.chunks_exact_mut(len).enumerate() {
            vectorised(
                #[inline(always)]
                |simd| {
                    rows.read(image, i * part + j);
                    rows.convolve(simd, out, taps, AsStored);
                    sums.add_squares(simd, out, s.cout);
                },
            );
        }
        sums
    });
    Sums::in_order(parts.collect::<Vec<_>>())
}

/// The nine rows of the image that one row of the output meets, with zeros around them.
pub(super) struct ImageRows<V> {
    values: Vec<V>,
    /// Length of a padded row.
    len: usize,
    conv: Conv3x3,
    s: StemShape,
}

impl<V: Precision> ImageRows<V> {
    pub fn new(conv: Conv3x3, s: StemShape) -> Self {
        // The last pixels that are computed together may reach past the row's end.
        let len = s.ow.next_multiple_of(MOST_PIXELS) * conv.stride + 3;
        Self {
            values: vec![V::ZERO; ROWS * len],
            len,
            conv,
            s,
        }
    }

    /// Reads the rows for row `row` of all `n oh` output rows.
    #[inline(always)]
    pub fn read(&mut self, image: &[f32], row: usize) {
        let StemShape { h, w, oh, .. } = self.s;
        let (n, oy) = (row / oh, row % oh);
        for (i, out) in self.values.chunks_exact_mut(self.len).enumerate() {
            let (channel, ky) = (i / 3, i % 3);
            // What lies around these values stays zero.
            let out = &mut out[self.conv.pad_begin..][..w];
            match self.conv.input(oy, ky, h) {
                Some(iy) => {
                    let source = &image[((n * 3 + channel) * h + iy) * w..][..w];
                    let values = out.iter_mut().zip(source);
                    values.for_each(|(out, value)| *out = (*value).into());
                }
                None => out.fill(V::ZERO),
            }
        }
    }

    /// The `len` values of row `row` from the first that output pixel `ox` meets on.
    #[inline(always)]
    pub fn window(&self, row: usize, ox: usize, len: usize) -> &[V] {
        &self.values[row * self.len + ox * self.conv.stride..][..len]
    }

    /// Whether neighbouring pixels of the output meet neighbouring pixels of the image; else every other one.
    pub fn is_dense(&self) -> bool {
        self.conv.stride == 1
    }
}

impl<V: Precision> ImageRows<V> {
    /// One row of the output, with an epilogue for its values.
    #[inline(always)]
    pub fn convolve<T: Element>(&self, simd: Simd, out: &mut [T], taps: &[V], epilogue: impl Map) {
        let mut row = Convolve {
            out,
            taps,
            rows: self,
            epilogue,
        };
        for_lanes(simd, self.s.cout, &mut row);
    }
}

/// One row of the output.
struct Convolve<'a, T, V, E> {
    out: &'a mut [T],
    taps: &'a [V],
    rows: &'a ImageRows<V>,
    epilogue: E,
}

impl<T: Element, V: Precision, E: Map> Lanes for Convolve<'_, T, V, E> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        // Eight sums in registers at once: fewer would wait for each other.
        let is_one_register = L * size_of::<V>() <= simd.register_bytes();
        match (is_one_register, self.rows.is_dense()) {
            (true, true) => self.pixels::<L, MOST_PIXELS, 1>(simd, at),
            (true, false) => self.pixels::<L, MOST_PIXELS, 2>(simd, at),
            (false, true) => self.pixels::<L, 4, 1>(simd, at),
            (false, false) => self.pixels::<L, 4, 2>(simd, at),
        }
    }
}

impl<T: Element, V: Precision, E: Map> Convolve<'_, T, V, E> {
    /// The channels `at..at + L`, `P` pixels at a time, of a convolution of stride `S`.
    #[inline(always)]
    fn pixels<const L: usize, const P: usize, const S: usize>(&mut self, simd: Simd, at: usize) {
        let StemShape { cout, .. } = self.rows.s;
        let epilogue = self.epilogue.prepare::<L>(at);
        for (i, out) in self.out.chunks_mut(P * cout).enumerate() {
            let mut sums = [[V::ZERO; L]; P];
            for row in 0..ROWS {
                let window = self.rows.window(row, P * i, (P - 1) * S + 3);
                for kx in 0..3 {
                    let mut weights = [V::ZERO; L];
                    weights.copy_from_slice(&self.taps[(3 * row + kx) * cout + at..][..L]);
                    unrolled!(pixel in [0 1 2 3 4 5 6 7] {
                        if pixel < P {
                            let value = window[pixel * S + kx];
                            for lane in 0..L {
                                sums[pixel][lane] = V::mul_add(simd, weights[lane], value, sums[pixel][lane]);
                            }
                        }
                    });
                }
            }
            for (out, sums) in out.chunks_exact_mut(cout).zip(sums) {
                let mut rounded = [0.0; L];
                for (rounded, sum) in rounded.iter_mut().zip(sums) {
                    *rounded = sum.round();
                }
                store(out, at, E::apply(simd, &epilogue, rounded));
            }
        }
    }
}
