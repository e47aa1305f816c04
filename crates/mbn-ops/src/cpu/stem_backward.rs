//! The weight gradient of the convolution on the image; the image itself needs none.

use rayon::prelude::*;

use super::depthwise::PARTS;
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add, vectorised};
use super::stem::{ImageRows, Shape};
use super::sum_in_order;
use super::upstream::Upstream;
use crate::Conv3x3;
use crate::element::Element;

/// `[27, cout]`: the sum over all patches of the patch times the gradient of the convolution's result there.
pub(crate) fn weight_gradient<T: Element>(
    image: &[f32],
    upstream: Upstream<T>,
    conv: Conv3x3,
    s: Shape,
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
        with_scratch([len], |[dy]| {
            let above = raw.chunks_exact(len).zip(gradient.chunks_exact(len));
            for (j, (raw, gradient)) in above.enumerate() {
                Upstream {
                    raw,
                    gradient,
                    map: upstream.map,
                }
                .write(dy);
                rows.read(image, i * part + j);
                let mut row = Accumulate {
                    dw: &mut dw,
                    dy,
                    rows: &rows,
                    cout: s.cout,
                };
                vectorised(
                    #[inline(always)]
                    |simd| for_lanes(simd, s.cout, &mut row),
                );
            }
        });
        dw
    });
    sum_in_order(parts.collect::<Vec<_>>())
}

/// One row of the output: nine sums in registers along it for each channel of the image.
struct Accumulate<'a> {
    dw: &'a mut [f32],
    dy: &'a [f32],
    rows: &'a ImageRows<f32>,
    cout: usize,
}

impl Lanes for Accumulate<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        for channel in 0..3 {
            let mut sums = [[[0.0f32; L]; 3]; 3];
            for (ox, dy) in self.dy.chunks_exact(self.cout).enumerate() {
                let dy = load::<f32, L>(dy, at);
                for (ky, sums) in sums.iter_mut().enumerate() {
                    let neighbours = self.rows.neighbours(3 * channel + ky, ox);
                    for (sum, neighbour) in sums.iter_mut().zip(neighbours) {
                        for lane in 0..L {
                            sum[lane] = mul_add(simd, dy[lane], neighbour, sum[lane]);
                        }
                    }
                }
            }
            for (tap, sum) in sums.iter().flatten().enumerate() {
                let dw = &mut self.dw[(9 * channel + tap) * self.cout + at..][..L];
                dw.iter_mut().zip(sum).for_each(|(dw, sum)| *dw += sum);
            }
        }
    }
}
