//! What networks with the same weights share after each has passed a part of a batch: gradients and running statistics.

use candle_core::{Result, Tensor, bail};
use mbn_ops::BatchStatistics;

use super::Network;
use crate::layer::Layer;
use crate::pass::Gradients;

/// The running statistics of the layers that train, at one time.
#[derive(Debug)]
pub struct RunningStatistics(Vec<(BatchStatistics, i64)>);

impl Network {
    /// A copy of the running statistics, to put back if a pass must leave no trace.
    ///
    /// # Errors
    /// If the device fails.
    pub fn running_statistics(&self) -> Result<RunningStatistics> {
        let copy = |layer: &Layer| {
            let statistics = BatchStatistics {
                mean: layer.running.mean.copy()?,
                variance: layer.running.variance.copy()?,
            };
            Ok((statistics, layer.batches))
        };
        Ok(RunningStatistics(
            self.with_statistics().map(copy).collect::<Result<_>>()?,
        ))
    }

    /// Puts back what [`Network::running_statistics`] has copied.
    pub fn set_running_statistics(&mut self, statistics: RunningStatistics) {
        let layers = self.layers.iter_mut().rev().zip(statistics.0.into_iter().rev());
        for (layer, (running, batches)) in layers {
            (layer.running, layer.batches) = (running, batches);
        }
    }

    /// Number of values that [`Network::share`] gives.
    pub fn shared_len(&self) -> usize {
        let parameters = self
            .trainable_parameters()
            .map(|parameter| parameter.tensor().elem_count());
        let statistics = self.with_statistics().map(|layer| 2 * layer.spec.out_channels);
        parameters.chain(statistics).sum()
    }

    /// Appends to `values` the gradients times `weight`, the share of this part of the batch in the loss, and the running
    /// statistics times `images`, the number of its images. Their sums over all parts are for [`Network::take`].
    ///
    /// # Errors
    /// If a gradient is missing or the device fails.
    pub fn share(
        &self,
        gradients: &Gradients,
        weight: f32,
        images: usize,
        values: &mut Vec<f32>,
    ) -> Result<()> {
        let mut append = |tensor: &Tensor, factor: f32| {
            let tensor = tensor.flatten_all()?.to_vec1::<f32>()?;
            values.extend(tensor.into_iter().map(|value| value * factor));
            Ok::<_, candle_core::Error>(())
        };
        for parameter in self.trainable_parameters() {
            match gradients.get(parameter) {
                Some(gradient) => append(gradient, weight)?,
                None => bail!("parameter `{}` has no gradient", parameter.name),
            }
        }
        for layer in self.with_statistics() {
            append(&layer.running.mean, images as f32)?;
            append(&layer.running.variance, images as f32)?;
        }
        Ok(())
    }

    /// The gradients of the whole batch, given the sums of what [`Network::share`] gives over all parts, of their weights and of
    /// their images. The running statistics become the mean over the images.
    ///
    /// # Errors
    /// If there are fewer or more values than of this network, or the device fails.
    pub fn take(&mut self, sums: &[f32], weight: f32, images: usize) -> Result<Gradients> {
        if sums.len() != self.shared_len() {
            bail!(
                "{} values of all parts, expected {}",
                sums.len(),
                self.shared_len()
            );
        }
        let mut rest = sums;
        let mut next = |like: &Tensor, divisor: f32| {
            let (values, after) = rest.split_at(like.elem_count());
            rest = after;
            let values: Vec<f32> = values.iter().map(|value| value / divisor).collect();
            Tensor::from_vec(values, like.shape(), like.device())
        };
        let mut gradients = Gradients::default();
        for parameter in self.trainable_parameters() {
            gradients.insert(parameter, next(parameter.tensor(), weight)?);
        }
        let first = self.first_with_statistics();
        for layer in &mut self.layers[first..] {
            layer.running = BatchStatistics {
                mean: next(&layer.running.mean, images as f32)?,
                variance: next(&layer.running.variance, images as f32)?,
            };
        }
        Ok(gradients)
    }

    /// Counts a batch of which this network has passed no part.
    pub fn count_batch(&mut self) {
        let first = self.first_with_statistics();
        self.layers[first..]
            .iter_mut()
            .for_each(|layer| layer.batches += 1);
    }

    fn with_statistics(&self) -> impl Iterator<Item = &Layer> {
        self.layers[self.first_with_statistics()..].iter()
    }

    /// Index of the first layer whose running statistics change in training.
    fn first_with_statistics(&self) -> usize {
        match self.has_fixed_statistics {
            true => self.layers.len(),
            false => self.first_trainable(),
        }
    }
}
