//! Batch norm over the rows of `[rows, c]`, with the activation that follows it.

use rayon::prelude::*;

use super::{mul_add, vectorised};

/// Rows that a thread takes at once; sums are taken by block and then added in order.
const BLOCK_ROWS: usize = 256;

/// Per-channel constants of one batch norm.
#[derive(Clone, Copy)]
pub(crate) struct Constants<'a> {
    pub mean: &'a [f32],
    /// Biased.
    pub variance: &'a [f32],
    /// Added to the variance.
    pub epsilon: f64,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    /// Upper bound of the activation.
    pub max: f32,
}

impl Constants<'_> {
    /// `1 / sqrt(variance + epsilon)`
    fn inv_std(&self) -> Vec<f32> {
        (0..self.mean.len())
            .map(|i| self.exact_inv_std(i) as f32)
            .collect()
    }

    /// Scale and shift of the normalisation as one affine map. Formed in float64: an error in the shift moves
    /// every value of a channel, and those near zero to the other side of the activation's kink.
    fn scale_shift(&self) -> (Vec<f32>, Vec<f32>) {
        let affine = |i: usize| {
            let scale = self.exact_inv_std(i) * f64::from(self.gamma[i]);
            (
                scale as f32,
                (f64::from(self.beta[i]) - f64::from(self.mean[i]) * scale) as f32,
            )
        };
        (0..self.mean.len()).map(affine).unzip()
    }

    fn exact_inv_std(&self, i: usize) -> f64 {
        1.0 / (f64::from(self.variance[i]) + self.epsilon).sqrt()
    }
}

/// Mean and biased variance of each column, `[2, c]`. Summed in float64: an error in the mean moves all values
/// of a channel, and in float64 the mean of squares less the square of the mean loses nothing that matters.
pub(crate) fn statistics(x: &[f32], c: usize) -> Vec<f32> {
    let blocks = x.par_chunks(BLOCK_ROWS * c).map(|x| {
        let mut sums = vec![0.0f64; 2 * c];
        vectorised(
            #[inline(always)]
            |_| {
                let (sum, squares) = sums.split_at_mut(c);
                for row in x.chunks_exact(c) {
                    for ((sum, square), value) in sum.iter_mut().zip(squares.iter_mut()).zip(row) {
                        let value = f64::from(*value);
                        *sum += value;
                        *square += value * value;
                    }
                }
            },
        );
        sums
    });
    let sums = add_in_order(blocks.collect(), 2 * c);
    let rows = (x.len() / c) as f64;
    let mean = |i: usize| sums[i] / rows;
    let variance = |i: usize| (sums[c + i] / rows - mean(i) * mean(i)).max(0.0);
    (0..c)
        .map(|i| mean(i) as f32)
        .chain((0..c).map(|i| variance(i) as f32))
        .collect()
}

fn add_in_order(parts: Vec<Vec<f64>>, len: usize) -> Vec<f64> {
    let mut total = vec![0.0; len];
    for part in parts {
        total
            .iter_mut()
            .zip(part)
            .for_each(|(total, value)| *total += value);
    }
    total
}

/// `out = min(max(0, (x - mean) inv_std gamma + beta), max)`.
pub(crate) fn forward(out: &mut [f32], x: &[f32], constants: Constants) {
    let c = constants.mean.len();
    let (scale, shift) = constants.scale_shift();
    let blocks = out
        .par_chunks_mut(BLOCK_ROWS * c)
        .zip(x.par_chunks(BLOCK_ROWS * c));
    blocks.for_each(|(out, x)| {
        vectorised(
            #[inline(always)]
            |fused| {
                let (scale, shift) = (&scale[..c], &shift[..c]);
                for (out, x) in out.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                    for i in 0..c {
                        out[i] = (mul_add(fused, x[i], scale[i], shift[i]))
                            .max(0.0)
                            .min(constants.max);
                    }
                }
            },
        );
    });
}

/// `[2, c]`: the gradients of gamma, `sum of dy' xhat`, and of beta, `sum of dy'`, where `dy'` is `dy` where
/// the activation passes it on and `xhat = (x - mean) inv_std`.
pub(crate) fn parameter_gradients(x: &[f32], dy: &[f32], constants: Constants) -> Vec<f32> {
    let c = constants.mean.len();
    let (scale, shift) = constants.scale_shift();
    let inv_std = constants.inv_std();
    let blocks = x.par_chunks(BLOCK_ROWS * c).zip(dy.par_chunks(BLOCK_ROWS * c));
    let sums = blocks.map(|(x, dy)| {
        let mut sums = vec![0.0f32; 2 * c];
        let (dgamma, dbeta) = sums.split_at_mut(c);
        vectorised(
            #[inline(always)]
            |fused| {
                let (scale, shift, mean, inv_std) =
                    (&scale[..c], &shift[..c], &constants.mean[..c], &inv_std[..c]);
                let (dgamma, dbeta) = (&mut dgamma[..c], &mut dbeta[..c]);
                for (x, dy) in x.chunks_exact(c).zip(dy.chunks_exact(c)) {
                    for i in 0..c {
                        let before = mul_add(fused, x[i], scale[i], shift[i]);
                        let dy = passed_on(before, dy[i], constants.max);
                        dgamma[i] += dy * (x[i] - mean[i]) * inv_std[i];
                        dbeta[i] += dy;
                    }
                }
            },
        );
        sums.into_iter().map(f64::from).collect()
    });
    let total = add_in_order(sums.collect(), 2 * c);
    total.into_iter().map(|sum| sum as f32).collect()
}

/// `dx = gamma inv_std (dy' - dbeta / rows - xhat dgamma / rows)` (Ioffe and Szegedy 2015, section 3).
pub(crate) fn input_gradient(
    dx: &mut [f32],
    x: &[f32],
    dy: &[f32],
    constants: Constants,
    dgamma: &[f32],
    dbeta: &[f32],
) {
    let c = constants.mean.len();
    let rows = (x.len() / c) as f32;
    let (scale, shift) = constants.scale_shift();
    let inv_std = constants.inv_std();
    // dx = scale dy' + x slope + offset, with the constant parts gathered.
    let slope: Vec<f32> = (0..c)
        .map(|i| -scale[i] * dgamma[i] * inv_std[i] / rows)
        .collect();
    let blocks = dx
        .par_chunks_mut(BLOCK_ROWS * c)
        .zip(x.par_chunks(BLOCK_ROWS * c));
    blocks
        .zip(dy.par_chunks(BLOCK_ROWS * c))
        .for_each(|((dx, x), dy)| {
            vectorised(
                #[inline(always)]
                |fused| {
                    let (scale, shift, slope) = (&scale[..c], &shift[..c], &slope[..c]);
                    let (mean, dbeta) = (&constants.mean[..c], &dbeta[..c]);
                    let rows_of = dx
                        .chunks_exact_mut(c)
                        .zip(x.chunks_exact(c))
                        .zip(dy.chunks_exact(c));
                    for ((dx, x), dy) in rows_of {
                        for i in 0..c {
                            let dy =
                                passed_on(mul_add(fused, x[i], scale[i], shift[i]), dy[i], constants.max);
                            let centred = x[i] - mean[i];
                            dx[i] = scale[i] * (dy - dbeta[i] / rows) + centred * slope[i];
                        }
                    }
                },
            );
        });
}

/// The gradient before the activation: `dy` strictly between its bounds, else 0.
#[inline(always)]
fn passed_on(before: f32, dy: f32, max: f32) -> f32 {
    if before > 0.0 && before < max { dy } else { 0.0 }
}
