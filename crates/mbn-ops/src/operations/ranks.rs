//! Batch norm over a batch of which each rank has a part: two sums of each channel in the forward pass, and two in the
//! backward pass. Only these cross the ranks; the kernels work on the parts as on whole batches.

use candle_core::{Device, Result, Tensor};

use crate::operands::layer::{BatchStatistics, ParameterGradients};
use crate::operands::ranks::SumOverRanks;

/// Number of values in each sum over ranks for a batch norm of `channels` channels: two of each, and the rows.
pub fn summed_over_ranks(channels: usize) -> usize {
    1 + 2 * channels
}

impl BatchStatistics {
    /// The statistics of the whole batch and its number of rows, given those of this rank's part, which has `rows` rows. A rank
    /// without images adds zeros, as many as [`summed_over_ranks`] says.
    ///
    /// The mean of squares less the square of the mean is safe here: it is computed in float64, in which the square of a float32 is
    /// exact, so it loses less than the statistics of each part lost when they were rounded to float32.
    ///
    /// # Errors
    /// If the sums or the device fail.
    pub fn over_ranks(&self, rows: usize, ranks: &dyn SumOverRanks) -> Result<(Self, usize)> {
        let (means, variances) = (doubles(&self.mean)?, doubles(&self.variance)?);
        let squares = means
            .iter()
            .zip(variances)
            .map(|(mean, variance)| variance + mean * mean);
        let sums = Sums::over_ranks(rows, rows as f64, means.iter().copied().chain(squares), ranks)?;
        let (means, squares) = sums.split();
        let means: Vec<_> = means.iter().map(|sum| sum / sums.rows).collect();
        let variances = squares.iter().zip(&means);
        let variances = variances.map(|(sum, mean)| (sum / sums.rows - mean * mean).max(0.0));
        let statistics = Self {
            variance: vector(variances, self.variance.device())?,
            mean: vector(means.iter().copied(), self.mean.device())?,
        };
        Ok((statistics, sums.rows as usize))
    }
}

impl ParameterGradients {
    /// What [`crate::Upstream`] of this rank's part of a batch, which has `rows` rows, takes in place of these gradients if the batch
    /// norm used the statistics of the whole batch. `weight` is the part's share in the loss: the gradients of all ranks times
    /// their weights, added up, are those of the whole batch times the sum of the weights.
    ///
    /// # Errors
    /// If the sums or the device fail.
    pub fn over_ranks(&self, rows: usize, weight: f64, ranks: &dyn SumOverRanks) -> Result<Self> {
        let (gamma, beta) = (doubles(&self.gamma)?, doubles(&self.beta)?);
        let sums = Sums::over_ranks(rows, weight, gamma.into_iter().chain(beta), ranks)?;
        // The kernels divide by the rows of the part, and their gradients are of the part's own loss.
        let factor = rows as f64 / (sums.rows * weight);
        let (gamma, beta) = sums.split();
        let scaled = |values: &[f64]| vector(values.iter().map(|sum| sum * factor), self.gamma.device());
        Ok(Self {
            gamma: scaled(gamma)?,
            beta: scaled(beta)?,
        })
    }
}

/// Sums over all ranks.
struct Sums {
    /// Rows of the whole batch.
    rows: f64,
    /// Two of each channel.
    values: Vec<f64>,
}

impl Sums {
    /// The sums of `values` times `weight`.
    fn over_ranks(
        rows: usize,
        weight: f64,
        values: impl Iterator<Item = f64>,
        ranks: &dyn SumOverRanks,
    ) -> Result<Self> {
        let weighted = values.map(|value| value * weight);
        let mut values: Vec<_> = std::iter::once(rows as f64).chain(weighted).collect();
        ranks.sum(&mut values)?;
        Ok(Self {
            rows: values.remove(0),
            values,
        })
    }

    fn split(&self) -> (&[f64], &[f64]) {
        self.values.split_at(self.values.len() / 2)
    }
}

fn doubles(values: &Tensor) -> Result<Vec<f64>> {
    Ok(values.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
}

fn vector(values: impl Iterator<Item = f64>, device: &Device) -> Result<Tensor> {
    let values: Vec<_> = values.map(|value| value as f32).collect();
    Tensor::new(values, device)
}
