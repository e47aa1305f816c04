//! What networks with the same weights share after each has passed a part of a batch: gradients and running statistics.

use candle_core::{DType, Result, Tensor, bail};
use mbn_ops::optim::AveragedTensors;
use mbn_ops::{BatchStatistics, average_all, summed_over_ranks};

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

    /// Number of gradients and running statistics that [`Network::share`] gives.
    pub fn shared_len(&self) -> usize {
        let statistics = self.with_statistics().map(|layer| 2 * layer.spec.out_channels);
        self.gradients_len() + statistics.sum::<usize>()
    }

    fn gradients_len(&self) -> usize {
        let parameters = self.trainable_parameters();
        parameters.map(|parameter| parameter.tensor().elem_count()).sum()
    }

    /// One vector on the network's device: the gradients times `weight`, the share of this part of the batch in the loss, the
    /// running statistics times `images`, the number of its images, and `totals` as they are. A part without images has no
    /// gradients, and zeros in their place. Sums over all parts are for [`Network::take`], but for those of the totals.
    ///
    /// # Errors
    /// If a gradient is missing or the device fails.
    pub fn share(
        &self,
        gradients: Option<&Gradients>,
        weight: f32,
        images: usize,
        totals: &[f32],
    ) -> Result<Tensor> {
        let len = self.shared_len();
        let shared = Tensor::zeros(len + totals.len(), DType::F32, self.device())?;
        write_scaled(&shared, len, &[&Tensor::new(totals, self.device())?], 1.0)?;
        let Some(gradients) = gradients else {
            return Ok(shared);
        };
        let mut of_parameters = Vec::new();
        for parameter in self.trainable_parameters() {
            match gradients.get(parameter) {
                Some(gradient) => of_parameters.push(gradient),
                None => bail!("parameter `{}` has no gradient", parameter.name),
            }
        }
        let running = self.with_statistics().map(|layer| &layer.running);
        let statistics: Vec<_> = running
            .flat_map(|running| [&running.mean, &running.variance])
            .collect();
        write_scaled(&shared, 0, &of_parameters, weight.into())?;
        write_scaled(&shared, self.gradients_len(), &statistics, images as f64)?;
        Ok(shared)
    }

    /// The gradients of the whole batch, given the sums of what [`Network::share`] gives over all parts, of their weights and of
    /// their images; without the totals. The running statistics become the mean over the images.
    ///
    /// # Errors
    /// If there are fewer or more values than of this network, or the device fails.
    pub fn take(&mut self, sums: &Tensor, weight: f32, images: usize) -> Result<Gradients> {
        let len = self.shared_len();
        if sums.dims() != [len] {
            bail!(
                "values of all parts have the shape {:?}, expected [{len}]",
                sums.dims()
            );
        }
        let means = Tensor::zeros(len, DType::F32, self.device())?;
        let of_gradients = self.gradients_len();
        for (start, end, divisor) in [
            (0, of_gradients, f64::from(weight)),
            (of_gradients, len, images as f64),
        ] {
            if start < end {
                write_scaled(
                    &means,
                    start,
                    &[&sums.narrow(0, start, end - start)?],
                    divisor.recip(),
                )?;
            }
        }
        let mut start = 0;
        let mut next = |like: &Tensor| {
            let values = means.narrow(0, start, like.elem_count())?;
            start += like.elem_count();
            values.reshape(like.shape())
        };
        let mut gradients = Gradients::default();
        for parameter in self.trainable_parameters() {
            gradients.insert(parameter, next(parameter.tensor())?);
        }
        let first = self.first_with_statistics();
        for layer in &mut self.layers[first..] {
            // Memory of their own: they outlive the gradients.
            layer.running = BatchStatistics {
                mean: next(&layer.running.mean)?.force_contiguous()?,
                variance: next(&layer.running.variance)?.force_contiguous()?,
            };
        }
        Ok(gradients)
    }

    /// Numbers of values in the sums over ranks that [`Network::forward_part`] and then [`Network::backward_part`] ask for, in
    /// their order. A rank without images makes them with zeros.
    pub fn sums_over_ranks(&self) -> Vec<usize> {
        let forward = self.with_statistics();
        let forward: Vec<_> = forward
            .map(|layer| summed_over_ranks(layer.spec.out_channels))
            .collect();
        let backward = forward.iter().rev();
        forward.iter().chain(backward).copied().collect()
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

/// Writes `values`, one after the other and each times `factor`, into the vector `zeros` from `start` on: zeros that move by
/// `factor` of their distance to a value become the value times `factor`. On CUDA one launch for all of them.
fn write_scaled(zeros: &Tensor, mut start: usize, values: &[&Tensor], factor: f64) -> Result<()> {
    let mut places = Vec::with_capacity(values.len());
    for value in values {
        let place = zeros.narrow(0, start, value.elem_count())?;
        places.push(place.reshape(value.shape())?);
        start += value.elem_count();
    }
    let pairs = places.iter().zip(values);
    let pairs: Vec<_> = pairs
        .map(|(average, value)| AveragedTensors { average, value })
        .collect();
    match pairs.is_empty() {
        true => Ok(()),
        false => average_all(&pairs, factor),
    }
}
