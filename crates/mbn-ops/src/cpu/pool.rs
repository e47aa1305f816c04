//! Global average pooling.

use rayon::prelude::*;

use super::normalization::{Constants, Map};
use super::simd::{Lanes, Simd, for_lanes, load, store, vectorised};
use super::sums::Sums;
use crate::operands::element::Element;

/// `out[n, c] = mean over pixels of a[n, pixel, c]` with `a` what the prologue makes of `x`.
pub(crate) fn forward<T: Element, P: Map>(out: &mut [f32], x: &[T], prologue: P, pixels: usize, c: usize) {
    let images = out.par_chunks_mut(c).zip(x.par_chunks(pixels * c));
    images.for_each(|(out, x)| {
        vectorised(
            #[inline(always)]
            |simd| {
                for_lanes(
                    simd,
                    c,
                    &mut Mean {
                        out: &mut *out,
                        x,
                        prologue,
                    },
                )
            },
        );
    });
}

struct Mean<'a, T, P> {
    out: &'a mut [f32],
    x: &'a [T],
    prologue: P,
}

impl<T: Element, P: Map> Lanes for Mean<'_, T, P> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let lanes = self.prologue.prepare::<L>(at);
        let c = self.out.len();
        let mut sum = [0.0; L];
        for row in self.x.chunks_exact(c) {
            let values = P::apply(simd, &lanes, load::<T, L>(row, at));
            for lane in 0..L {
                sum[lane] += values[lane];
            }
        }
        let pixels = (self.x.len() / c) as f32;
        for value in &mut sum {
            *value /= pixels;
        }
        store(self.out, at, sum);
    }
}

/// Writes to `out`, `[n, pixels, c]`, the gradient of batch norm's result in the layer before, given its `raw`
/// input and constants and the gradient of the means, `[n, c]`. Returns the sums of `out` and of
/// `out (raw - mean)`.
pub(crate) fn backward<T: Element>(
    out: &mut [T],
    raw: &[T],
    constants: Constants,
    gradient: &[f32],
    pixels: usize,
) -> Sums {
    let c = constants.mean.len();
    let images = out
        .par_chunks_mut(pixels * c)
        .zip(raw.par_chunks(pixels * c))
        .zip(gradient.par_chunks(c));
    let sums = images.map(|((out, raw), gradient)| {
        let mut sums = Sums::new(c);
        vectorised(
            #[inline(always)]
            |simd| {
                for row in out.chunks_exact_mut(c) {
                    row.iter_mut()
                        .zip(gradient)
                        .for_each(|(out, gradient)| *out = T::from_f32(gradient / pixels as f32));
                }
                sums.add_passed(simd, out, None, raw, constants);
            },
        );
        sums
    });
    Sums::in_order(sums.collect::<Vec<_>>())
}
