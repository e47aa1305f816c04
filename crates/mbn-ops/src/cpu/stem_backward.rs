//! The weight gradient of the convolution on the image; the image itself needs none.

use rayon::prelude::*;

use super::depthwise::PARTS;
use super::prefetch::Ahead;
use super::product::{Single, padded};
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add_lanes, vectorised};
use super::stem::ImageRows;
use super::sum_in_order;
use super::upstream::{Layout, Upstream, write};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::shapes::StemShape;

/// `[27, cout]`: the sum over all pixels of the 27 values of the image that the pixel meets, each times the gradient of the
/// convolution's result there.
pub(crate) fn weight_gradient<T: Element>(
    image: &[f32],
    upstream: Upstream<T>,
    conv: Conv3x3,
    s: StemShape,
) -> Vec<f32> {
    let len = s.ow * s.cout;
    let part = (s.n * s.oh).div_ceil(PARTS);
    let parts = upstream
        .raw
        .par_chunks(part * len)
        .zip(upstream.gradient.par_chunks(part * len));
    let parts = parts.enumerate().map(|(i, (raw, gradient))| {
        let mut dw = vec![0.0; 27 * s.cout];
        let mut rows = ImageRows::<f32>::new(conv, s);
        let stride = padded(s.cout);
        with_scratch([s.ow * stride], |[dy]| {
            let part_of_upstream = Upstream {
                raw,
                gradient,
                map: upstream.map,
            };
            let mut all = part_of_upstream.chunks(len).enumerate().peekable();
            while let Some((j, upstream)) = all.next() {
                let layout = Layout::<Single> {
                    rows: Some((dy, stride)),
                    stacked: None,
                };
                write(upstream, layout);
                let next = all.peek().map(|(_, next)| Ahead::both(next.raw, next.gradient));
                vectorised(
                    #[inline(always)]
                    |simd| {
                        rows.read(image, i * part + j);
                        let mut row = Row {
                            dw: &mut dw,
                            dy: (dy, stride),
                            rows: &rows,
                            cout: s.cout,
                            ahead: next.unwrap_or(Ahead::NOTHING),
                        };
                        for_lanes(simd, s.cout, &mut row);
                    },
                );
            }
        });
        dw
    });
    sum_in_order(parts.collect::<Vec<_>>())
}

/// One row of the result.
struct Row<'a> {
    dw: &'a mut [f32],
    /// The gradient, and the distance of its pixels.
    dy: (&'a [f32], usize),
    rows: &'a ImageRows<f32>,
    cout: usize,
    /// What the gradient of the next row is computed from.
    ahead: Ahead,
}

impl Lanes for Row<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        if self.rows.is_dense() {
            self.channels::<L, 1>(simd, at);
        } else {
            self.channels::<L, 2>(simd, at);
        }
    }
}

impl Row<'_> {
    /// The channels `at..at + L` for a convolution of stride `S`. The nine sums of one channel of the image stay in registers.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "an iterator over the sums would keep them in memory throughout"
    )]
    fn channels<const L: usize, const S: usize>(&mut self, simd: Simd, at: usize) {
        let (dy, stride) = self.dy;
        let pixels = dy.len() / stride;
        for channel in 0..3 {
            let rows = [0, 1, 2].map(|ky| self.rows.window(3 * channel + ky, 0, (pixels - 1) * S + 3));
            let mut sums = [[[0.0; L]; 3]; 3];
            let load_ahead = self.ahead.loader();
            for (ox, dy) in dy.chunks_exact(stride).enumerate() {
                load_ahead(ox);
                let dy = load::<f32, L>(dy, at);
                for ky in 0..3 {
                    let values = &rows[ky][ox * S..ox * S + 3];
                    for kx in 0..3 {
                        sums[ky][kx] = mul_add_lanes(simd, [values[kx]; L], dy, sums[ky][kx]);
                    }
                }
            }
            self.ahead.advance(pixels);
            for ky in 0..3 {
                for kx in 0..3 {
                    let start = (9 * channel + 3 * ky + kx) * self.cout + at;
                    for (dw, sum) in self.dw[start..start + L].iter_mut().zip(sums[ky][kx]) {
                        *dw += sum;
                    }
                }
            }
        }
    }
}
