//! Rounding whose errors cancel. The nearest integer is best for each weight alone. But neighbouring pixels and channels are
//! alike, so that what one weight is too large another can be too small. What a layer's output is off by, in square over the
//! pictures, is `e' H e` for the errors `e` of a filter and the covariances `H` of what it meets (Hassibi and Stork 1993;
//! Frantar et al. 2022, "GPTQ"). It is lowered weight by weight, each time by the best integer for this weight with all others
//! as they are, until none moves (coordinate descent; Behdin et al. 2023, "QuantEase"). Means do not count: the bias corrects
//! them afterwards.

use mbn_model::{QuantizedNetwork, Values};
use mbn_spec::LARGEST_WEIGHT;
use mbn_weights::ByteLayer;
use rayon::prelude::*;

use crate::QuantError;

/// Pixels of all pictures together on which covariances are measured: 16 for each of the 1024 values that the largest filter meets.
const PIXELS: usize = 1 << 14;
/// Added to the variances, as a part of their mean. It keeps weights near their values in directions that the pictures do not show.
const DAMPING: f64 = 0.01;
/// Times that all weights of a filter are tried. They settle in about six.
const ROUNDS: usize = 20;

/// Covariances of what the filters of a layer meet.
pub(crate) struct Covariances {
    /// `[filters, values, values]`, or one matrix for all filters.
    matrices: Vec<f64>,
    values: usize,
}

impl Covariances {
    /// Of the inputs of a layer on bytes. `values` has the number of pictures beside theirs.
    pub fn measure(
        network: &QuantizedNetwork,
        layer: usize,
        values: &[(usize, Values)],
    ) -> Result<Self, QuantError> {
        let pictures: usize = values.iter().map(|(n, _)| n).sum();
        let mut found: Option<(Self, Vec<f64>)> = None;
        let mut count = 0.0;
        for (n, values) in values {
            let patches = network.patches(layer, values, |all| spread(all, PIXELS * n / pictures.max(1)))?;
            let (filters, pixels, len) = patches.dims3()?;
            let products = patches.transpose(1, 2)?.matmul(&patches)?;
            let sums = patches.sum(1)?;
            let (all, means) = found.get_or_insert_with(|| {
                let matrices = vec![0.0; filters * len * len];
                (
                    Self {
                        matrices,
                        values: len,
                    },
                    vec![0.0; filters * len],
                )
            });
            add(&mut all.matrices, &products.flatten_all()?.to_vec1()?);
            add(means, &sums.flatten_all()?.to_vec1()?);
            count += pixels as f64;
        }
        let Some((mut all, means)) = found else {
            return Err(QuantError::TooFew { found: 0 });
        };
        all.centre(&means, count);
        Ok(all)
    }

    /// Sums of products become covariances, given the sums of the values.
    fn centre(&mut self, sums: &[f64], count: f64) {
        let len = self.values;
        let matrices = self.matrices.par_chunks_exact_mut((len * len).max(1));
        matrices
            .zip(sums.par_chunks_exact(len.max(1)))
            .for_each(|(matrix, sums)| {
                for (row, a) in matrix.chunks_exact_mut(len).zip(sums) {
                    let pairs = row.iter_mut().zip(sums);
                    pairs.for_each(|(product, b)| *product = (*product - a * b / count) / count);
                }
                let variances = (0..len).map(|i| matrix[i * len + i]);
                // A filter that meets nothing but constants moves no weight.
                let damping = (DAMPING * variances.sum::<f64>() / len as f64).max(f64::MIN_POSITIVE);
                (0..len).for_each(|i| matrix[i * len + i] += damping);
            });
    }

    fn of(&self, filter: usize) -> &[f64] {
        let len = self.values * self.values;
        match self.matrices.len() == len {
            true => &self.matrices,
            false => &self.matrices[filter * len..][..len],
        }
    }
}

/// The integers of a layer whose weights were `float`, lowered from those that it has.
pub(crate) fn compensated(float: &[f32], layer: &ByteLayer, covariances: &Covariances) -> Vec<i8> {
    let len = covariances.values.max(1);
    let mut steps = layer.weight.clone();
    steps
        .par_chunks_exact_mut(len)
        .zip(float.par_chunks_exact(len))
        .zip(&layer.scales)
        .enumerate()
        .for_each(|(filter, ((steps, float), &scale))| {
            let target: Vec<f64> = float
                .iter()
                .map(|weight| f64::from(*weight) / f64::from(scale))
                .collect();
            descend(&target, steps, covariances.of(filter));
        });
    steps
}

/// Lowers `e' H e` for the errors `e = steps - target`, weight by weight, and never raises it.
fn descend(target: &[f64], steps: &mut [i8], covariances: &[f64]) {
    let len = target.len();
    let row = |i: usize| &covariances[i * len..][..len];
    let bound = f64::from(LARGEST_WEIGHT);
    // Half of the slope: H e.
    let mut slope = vec![0.0; len];
    for i in 0..len {
        let error = f64::from(steps[i]) - target[i];
        slope
            .iter_mut()
            .zip(row(i))
            .for_each(|(slope, h)| *slope += error * h);
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for i in 0..len {
            let now = f64::from(steps[i]);
            let best = (now - slope[i] / row(i)[i]).round().clamp(-bound, bound);
            let by = best - now;
            // The change of e' H e.
            if by != 0.0 && by * (2.0 * slope[i] + by * row(i)[i]) < 0.0 {
                steps[i] = best as i8;
                slope
                    .iter_mut()
                    .zip(row(i))
                    .for_each(|(slope, h)| *slope += by * h);
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

/// `want` of `all` numbers, or all, spread evenly with steps that are uneven, so that they meet every column of a picture.
fn spread(all: usize, want: usize) -> Vec<usize> {
    if want >= all {
        return (0..all).collect();
    }
    let inside = |i: usize| {
        let (from, to) = (i * all / want, (i + 1) * all / want);
        from + i * 7919 % (to - from)
    };
    (0..want).map(inside).collect()
}

fn add(sums: &mut [f64], values: &[f32]) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += f64::from(*value));
}

#[cfg(test)]
mod tests;
