//! The dense 3x3 convolution on the image, as gathered patches times the weight matrix.

use rayon::prelude::*;

use super::gemm::{Matrix, gemm};
use super::{Bias, sum_in_order, vectorised};
use crate::Conv3x3;

/// Input channels times taps: the length of a patch, in the order of PyTorch's weight `[out, 3, 3, 3]`.
const PATCH: usize = 27;

/// Shape of the image, `[n, 3, h, w]`, and of the output, `[n, oh, ow, cout]`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub cout: usize,
    pub oh: usize,
    pub ow: usize,
}

/// `out[n, oy, ox, o] = sum over the patch of image * w[o]`, then the epilogue.
///
/// Summed in float64: every batch norm after it amplifies the rounding of the first layer, and it is a fiftieth of
/// the network's arithmetic.
pub(crate) fn forward(
    out: &mut [f32],
    image: &[f32],
    w: &[f32],
    conv: Conv3x3,
    s: Shape,
    bias: Option<Bias>,
) {
    let w: Vec<f64> = w.iter().map(|value| f64::from(*value)).collect();
    let rows = out.par_chunks_mut(s.ow * s.cout).enumerate();
    rows.for_each_init(
        || (vec![0.0; s.ow * PATCH], vec![0.0; s.ow * s.cout]),
        |(patches, sums), (row, out)| {
            gather(patches, image, row, conv, s);
            gemm(
                sums,
                Matrix::new(patches, PATCH),
                Matrix::new(&w, PATCH).t(),
                false,
            );
            vectorised(
                #[inline(always)]
                |_| {
                    out.iter_mut()
                        .zip(sums.iter())
                        .for_each(|(out, sum)| *out = *sum as f32);
                    if let Some(bias) = bias {
                        bias.apply(out);
                    }
                },
            );
        },
    );
}

/// `dw[o] = sum over patches of dy[.., o] * patch`.
pub(crate) fn weight_gradient(image: &[f32], dy: &[f32], conv: Conv3x3, s: Shape) -> Vec<f32> {
    let parts = dy.par_chunks(s.oh * s.ow * s.cout).enumerate().map(|(n, dy)| {
        let mut patches = vec![0.0; s.ow * PATCH];
        let mut dw = vec![0.0; s.cout * PATCH];
        for (oy, dy) in dy.chunks_exact(s.ow * s.cout).enumerate() {
            gather(&mut patches, image, n * s.oh + oy, conv, s);
            gemm(
                &mut dw,
                Matrix::new(dy, s.cout).t(),
                Matrix::new(&patches, PATCH),
                true,
            );
        }
        dw
    });
    sum_in_order(parts.collect())
}

/// `dimage`: each patch's gradient `dy w`, added where the patch came from.
pub(crate) fn input_gradient(dimage: &mut [f32], dy: &[f32], w: &[f32], conv: Conv3x3, s: Shape) {
    let images = dimage
        .par_chunks_mut(3 * s.h * s.w)
        .zip(dy.par_chunks(s.oh * s.ow * s.cout));
    images.for_each(|(dimage, dy)| {
        let mut patches = vec![0.0; s.ow * PATCH];
        dimage.fill(0.0);
        for (oy, dy) in dy.chunks_exact(s.ow * s.cout).enumerate() {
            gemm(
                &mut patches,
                Matrix::new(dy, s.cout),
                Matrix::new(w, PATCH),
                false,
            );
            for (ox, patch) in patches.chunks_exact(PATCH).enumerate() {
                for (i, value) in patch.iter().enumerate() {
                    let (channel, ky, kx) = (i / 9, i / 3 % 3, i % 3);
                    if let (Some(iy), Some(ix)) = (conv.input(oy, ky, s.h), conv.input(ox, kx, s.w)) {
                        dimage[(channel * s.h + iy) * s.w + ix] += value;
                    }
                }
            }
        }
    });
}

/// The patches of one output row, `[ow, 27]`; zero where they reach into the padding.
fn gather<T: From<f32>>(patches: &mut [T], image: &[f32], row: usize, conv: Conv3x3, s: Shape) {
    let (n, oy) = (row / s.oh, row % s.oh);
    for i in 0..PATCH {
        let (channel, ky, kx) = (i / 9, i / 3 % 3, i % 3);
        let source = conv
            .input(oy, ky, s.h)
            .map(|iy| &image[((n * 3 + channel) * s.h + iy) * s.w..][..s.w]);
        for (ox, patch) in patches.chunks_exact_mut(PATCH).enumerate() {
            let value = source.and_then(|source| Some(source[conv.input(ox, kx, s.w)?]));
            patch[i] = value.unwrap_or(0.0).into();
        }
    }
}
