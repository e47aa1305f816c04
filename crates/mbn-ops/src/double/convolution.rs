//! Convolutions, each given by the list of its products, from which both directions follow.

use rayon::prelude::*;

use crate::Conv3x3;
use crate::cpu::{depthwise, stem, sum_in_order};

/// A convolution of one image: each element of the result is the sum of some elements of the input, each times an
/// element of the weight.
pub(crate) trait Convolution: Sync {
    /// Elements of an image of the result.
    fn out_len(&self) -> usize;

    /// Elements of an image of the input.
    fn input_len(&self) -> usize;

    /// Calls `visit` for each product with the indices of the result that it is added to, of the input and of the
    /// weight.
    fn products(&self, visit: impl FnMut(usize, usize, usize));
}

/// `[3, H, W]` to `[OH, OW, O]` with a weight `[O, 3, 3, 3]`.
pub(crate) struct Stem {
    pub conv: Conv3x3,
    pub shape: stem::Shape,
}

impl Convolution for Stem {
    fn out_len(&self) -> usize {
        self.shape.oh * self.shape.ow * self.shape.cout
    }

    fn input_len(&self) -> usize {
        3 * self.shape.h * self.shape.w
    }

    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let stem::Shape {
            h, w, cout, oh, ow, ..
        } = self.shape;
        for_taps(self.conv, (oh, ow), (h, w), |(oy, ox), (ky, kx), (iy, ix)| {
            for o in 0..cout {
                for i in 0..3 {
                    visit(
                        (oy * ow + ox) * cout + o,
                        (i * h + iy) * w + ix,
                        ((o * 3 + i) * 3 + ky) * 3 + kx,
                    );
                }
            }
        });
    }
}

/// `[H, W, C]` to `[OH, OW, C]` with a weight `[C, 1, 3, 3]`.
pub(crate) struct Depthwise {
    pub conv: Conv3x3,
    pub shape: depthwise::Shape,
}

impl Convolution for Depthwise {
    fn out_len(&self) -> usize {
        self.shape.oh * self.shape.ow * self.shape.c
    }

    fn input_len(&self) -> usize {
        self.shape.h * self.shape.w * self.shape.c
    }

    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let depthwise::Shape { h, w, c, oh, ow, .. } = self.shape;
        for_taps(self.conv, (oh, ow), (h, w), |(oy, ox), (ky, kx), (iy, ix)| {
            for i in 0..c {
                visit(
                    (oy * ow + ox) * c + i,
                    (iy * w + ix) * c + i,
                    (i * 3 + ky) * 3 + kx,
                );
            }
        });
    }
}

/// `[H, W, I]` to `[H, W, O]` with a weight `[O, I, 1, 1]`.
pub(crate) struct Pointwise {
    /// Height times width.
    pub pixels: usize,
    pub cin: usize,
    pub cout: usize,
}

impl Convolution for Pointwise {
    fn out_len(&self) -> usize {
        self.pixels * self.cout
    }

    fn input_len(&self) -> usize {
        self.pixels * self.cin
    }

    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for pixel in 0..self.pixels {
            for o in 0..self.cout {
                for i in 0..self.cin {
                    visit(pixel * self.cout + o, pixel * self.cin + i, o * self.cin + i);
                }
            }
        }
    }
}

/// Calls `visit` with each pixel of the result, each tap of the kernel there that is not in the padding, and the
/// pixel of the input that it meets.
fn for_taps(
    conv: Conv3x3,
    (oh, ow): (usize, usize),
    (h, w): (usize, usize),
    mut visit: impl FnMut((usize, usize), (usize, usize), (usize, usize)),
) {
    for (oy, ky) in (0..oh).flat_map(|oy| [0, 1, 2].map(|ky| (oy, ky))) {
        let Some(iy) = conv.input(oy, ky, h) else {
            continue;
        };
        for (ox, kx) in (0..ow).flat_map(|ox| [0, 1, 2].map(|kx| (ox, kx))) {
            if let Some(ix) = conv.input(ox, kx, w) {
                visit((oy, ox), (ky, kx), (iy, ix));
            }
        }
    }
}

/// Writes the result of every image.
pub(crate) fn convolve(convolution: &impl Convolution, out: &mut [f64], input: &[f64], weight: &[f64]) {
    let images = out.par_chunks_mut(convolution.out_len().max(1));
    let images = images.zip(input.par_chunks(convolution.input_len().max(1)));
    images.for_each(|(out, input)| {
        out.fill(0.0);
        convolution.products(|o, i, w| out[o] += input[i] * weight[w]);
    });
}

/// Given the gradient `dy` of the result, writes that of the input to `out` and returns that of the weight.
pub(crate) fn gradients(
    convolution: &impl Convolution,
    out: &mut [f64],
    dy: &[f64],
    input: &[f64],
    weight: &[f64],
) -> Vec<f64> {
    let images = out
        .par_chunks_mut(convolution.input_len().max(1))
        .zip(input.par_chunks(convolution.input_len().max(1)))
        .zip(dy.par_chunks(convolution.out_len().max(1)));
    let parts = images.map(|((out, input), dy)| {
        let mut dw = vec![0.0; weight.len()];
        out.fill(0.0);
        convolution.products(|o, i, w| {
            out[i] += dy[o] * weight[w];
            dw[w] += dy[o] * input[i];
        });
        dw
    });
    sum_in_order(parts.collect::<Vec<_>>())
}
