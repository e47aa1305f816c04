//! Global average pooling.

use rayon::prelude::*;

use super::vectorised;

/// `out[n, c] = mean over pixels of x[n, pixel, c]`.
pub(crate) fn forward(out: &mut [f32], x: &[f32], pixels: usize, c: usize) {
    out.par_chunks_mut(c)
        .zip(x.par_chunks(pixels * c))
        .for_each(|(out, x)| {
            vectorised(
                #[inline(always)]
                |_| {
                    out.fill(0.0);
                    for row in x.chunks_exact(c) {
                        out.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                    out.iter_mut().for_each(|sum| *sum /= pixels as f32);
                },
            );
        });
}

/// `dx[n, pixel, c] = dy[n, c] / pixels`.
pub(crate) fn backward(dx: &mut [f32], dy: &[f32], pixels: usize, c: usize) {
    dx.par_chunks_mut(pixels * c)
        .zip(dy.par_chunks(c))
        .for_each(|(dx, dy)| {
            for row in dx.chunks_exact_mut(c) {
                row.iter_mut()
                    .zip(dy)
                    .for_each(|(dx, dy)| *dx = dy / pixels as f32);
            }
        });
}
