//! Batch norm's constants, and the statistics that enter the running ones.

use candle_core::{Result, Tensor};

use super::launch::written;
use crate::descriptors::kernel::Kernel;
use crate::descriptors::normalization::Build;
use crate::operands::layer::{BatchNorm, BatchStatistics, Normalization};

impl Normalization {
    /// `gamma` and `beta` are `[C]`, all tensors float32; `max` is infinity for ReLU, 6 for ReLU6.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn new(
        statistics: &BatchStatistics,
        gamma: &Tensor,
        beta: &Tensor,
        epsilon: f64,
        max: f32,
    ) -> Result<Self> {
        let (build, c) = Build::new(statistics, gamma, beta, epsilon)?;
        let constants = written(&build, (4, c), gamma.device())?;
        Ok(Self { constants, max })
    }
}

impl BatchNorm<'_> {
    /// The normalization by `batch`, the statistics of `rows` rows, which enter the `running` ones: the variance
    /// divided by one less, since it estimates the population's.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not float32.
    pub fn apply(
        &self,
        batch: &BatchStatistics,
        rows: usize,
        running: &mut BatchStatistics,
    ) -> Result<Normalization> {
        // Before the running statistics change.
        let (_, c) = Build::new(batch, self.gamma, self.beta, self.epsilon)?;
        self.check(Build::NAME, c, running)?;
        let unbiased = batch.unbiased(rows)?;
        let mix = |old: &Tensor, new: &Tensor| (old * (1.0 - self.momentum))? + (new * self.momentum)?;
        *running = BatchStatistics {
            mean: mix(&running.mean, &unbiased.mean)?,
            variance: mix(&running.variance, &unbiased.variance)?,
        };
        Normalization::new(batch, self.gamma, self.beta, self.epsilon, self.max)
    }
}

impl BatchStatistics {
    /// The statistics with the unbiased variance of `rows` rows, as running statistics have it: divided by one less.
    ///
    /// # Errors
    /// If the device fails.
    pub fn unbiased(&self, rows: usize) -> Result<Self> {
        let rows = rows as f64;
        Ok(Self {
            mean: self.mean.clone(),
            variance: (&self.variance * (rows / (rows - 1.0).max(1.0)))?,
        })
    }
}
