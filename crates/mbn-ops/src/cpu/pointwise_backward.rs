//! Gradients of the 1x1 convolution, block by block while it is in the cache.

use candle_core::DType;
use rayon::prelude::*;

use super::depthwise_backward::Upstream;
use super::gemm::{Matrix, gemm};
use super::normalization::{Constants, InputGradient};
use super::pointwise::{activate, block_rows};
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, store, vectorised};
use super::sum_in_order;
use super::sums::Sums;
use crate::element::Element;

/// The weight gradient is a sum over all rows, split in at most so many parts, of so many values altogether.
const PARTS: usize = 32;
const PARTS_VALUES: usize = 8 * 1024 * 1024;

/// Writes to `out`, `[rows, cin]`, the gradient of batch norm's result in the layer before, given its `raw` input
/// and constants. Returns the weights' gradient `[cout, cin]`, and the sums of `out` and of `out (raw - mean)`.
pub(crate) fn backward<T: Element>(
    out: &mut [T],
    raw: &[T],
    constants: Constants,
    upstream: Upstream<T>,
    w: &[f32],
    cin: usize,
    cout: usize,
) -> (Vec<f32>, Sums) {
    let rows = raw.len() / cin;
    let parts = (PARTS_VALUES / (cin * cout)).clamp(1, PARTS);
    let block = block_rows(cin + cout);
    let part = rows.div_ceil(parts).next_multiple_of(32).max(block);
    let parts = out
        .par_chunks_mut(part * cin)
        .zip(raw.par_chunks(part * cin))
        .zip(upstream.raw.par_chunks(part * cout))
        .zip(upstream.gradient.par_chunks(part * cout));
    let parts = parts.map(|(((out, raw), raw_above), gradient)| {
        let mut dw = vec![0.0; cout * cin];
        let mut sums = Sums::new(cin);
        let blocks = out
            .chunks_mut(block * cin)
            .zip(raw.chunks(block * cin))
            .zip(raw_above.chunks(block * cout))
            .zip(gradient.chunks(block * cout));
        for (((out, raw), raw_above), gradient) in blocks {
            let upstream = Upstream {
                raw: raw_above,
                gradient,
                map: upstream.map,
            };
            backward_block(out, raw, constants, upstream, w, &mut dw, &mut sums);
        }
        (dw, sums)
    });
    let (dw, sums): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
    (sum_in_order(dw), Sums::in_order(sums))
}

fn backward_block<T: Element>(
    out: &mut [T],
    raw: &[T],
    constants: Constants,
    upstream: Upstream<T>,
    w: &[f32],
    dw: &mut [f32],
    sums: &mut Sums,
) {
    let cin = constants.mean.len();
    let cout = w.len() / cin;
    let own = if T::DTYPE == DType::F32 { 0 } else { raw.len() };
    with_scratch([raw.len(), upstream.raw.len(), own], |[a, dy, product]| {
        upstream.write(dy, cout);
        activate(a, raw, constants);
        gemm(dw, Matrix::new(dy, cout).t(), Matrix::new(a, cin), true);
        let (dy, w) = (Matrix::new(dy, cout), Matrix::new(w, cin));
        let product = match T::as_f32_mut(out) {
            Some(out) => {
                gemm(out, dy, w, false);
                None
            }
            None => {
                gemm(product, dy, w, false);
                Some(&*product)
            }
        };
        vectorised(
            #[inline(always)]
            |simd| sums.add_passed(simd, out, product, raw, constants),
        );
    });
}

impl<T: Element> Upstream<'_, T> {
    /// The gradient of the convolution's result, `[rows, c]`.
    pub(super) fn write(&self, out: &mut [f32], c: usize) {
        let Self { raw, gradient, map } = *self;
        vectorised(
            #[inline(always)]
            |simd| {
                for_lanes(
                    simd,
                    c,
                    &mut Write {
                        out: &mut *out,
                        raw,
                        gradient,
                        map,
                        c,
                    },
                )
            },
        );
    }
}

struct Write<'a, T> {
    out: &'a mut [f32],
    raw: &'a [T],
    gradient: &'a [T],
    map: &'a InputGradient,
    c: usize,
}

impl<T: Element> Lanes for Write<'_, T> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let map = self.map.lanes::<L>(at);
        let c = self.c;
        let rows = self.raw.chunks_exact(c).zip(self.gradient.chunks_exact(c));
        for (out, (raw, gradient)) in self.out.chunks_exact_mut(c).zip(rows) {
            store(out, at, map.load(simd, raw, gradient, at));
        }
    }
}
