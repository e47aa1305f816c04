//! The weight gradient of the convolution on the image; the image itself needs none.

use rayon::prelude::*;

use super::depthwise::PARTS;
use super::product::{Arithmetic, Finish, Left, Right, Single, TILE_ROWS, padded};
use super::scratch::with_scratch;
use super::stem::ImageRows;
use super::sum_in_order;
use super::upstream::{Layout, Upstream, write};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::shapes::StemShape;

/// Values of a patch, and one that is zero: a multiple of the rows that products compute together.
const PATCH: usize = 2 * TILE_ROWS;

/// `[28, cout]`: the sum over all patches of the patch times the gradient of the convolution's result there; the
/// last row is zero.
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
        let mut dw = vec![0.0; PATCH * s.cout];
        let mut rows = ImageRows::<f32>::new(conv, s);
        let stride = padded(s.cout);
        with_scratch([s.ow * stride, s.ow * PATCH], |[dy, patches]| {
            let part_of_upstream = Upstream {
                raw,
                gradient,
                map: upstream.map,
            };
            for (j, upstream) in part_of_upstream.chunks(len).enumerate() {
                let layout = Layout::<Single> {
                    rows: Some((dy, stride)),
                    stacked: None,
                };
                write(upstream, layout);
                rows.read(image, i * part + j);
                for (ox, patch) in patches.chunks_exact_mut(PATCH).enumerate() {
                    rows.patch(ox, patch);
                }
                Single::multiply(
                    &mut dw,
                    s.cout,
                    s.ow,
                    Left::transposed(patches, PATCH),
                    Right::rows(dy, stride),
                    Finish::Add,
                );
            }
        });
        dw
    });
    sum_in_order(parts.collect::<Vec<_>>())
}
