//! Passes through the network: in training mode, backward, and with the running statistics.

use std::time::Instant;

use candle_core::{Result, Tensor, bail};
use mbn_ops::{CrossEntropy, ParameterGradients, SumOverRanks, Upstream};
use mbn_ops::{global_average_pool, global_average_pool_backward};
use mbn_ops::{linear, linear_backward};

use super::Network;
use crate::layer::{Input, Layer, Mode};
use crate::pass::{Gradients, Pass, Record};
use crate::profile::Phase;

/// A batch of which each rank passes a part.
#[derive(Clone, Copy)]
pub struct SharedBatch<'a> {
    /// The other ranks.
    pub ranks: &'a dyn SumOverRanks,
    /// The share of this rank's part in the loss, in any unit that all ranks have: with equal weights of the images their number.
    pub weight: f64,
}

impl Network {
    /// A pass over images `[N, 3, H, W]` in training mode: batch norm uses the batch's statistics, which enter
    /// the running ones, unless those are fixed.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward_train(&mut self, images: &Tensor) -> Result<Pass> {
        self.forward_part(images, None)
    }

    /// [`Network::forward_train`] of a part of `batch`, of which other ranks pass the rest: batch norm uses the statistics of the whole.
    /// Every rank makes the sums of [`Network::sums_over_ranks`]. Without a `batch` the images are a whole one.
    ///
    /// # Errors
    /// As [`Network::forward_train`], or if the sums fail.
    pub fn forward_part(&mut self, images: &Tensor, batch: Option<SharedBatch>) -> Result<Pass> {
        let images = images.detach().contiguous()?;
        let records = self.convolutions(&images, Mode::Train(batch.map(|batch| batch.ranks)))?;
        let features = self.pool(&records)?;
        let logits = self.linear(&features)?.detach();
        Ok(Pass {
            images,
            records,
            features,
            logits,
        })
    }

    /// Gradients of `loss`, which was computed from `pass`'s logits, with respect to every parameter that is not frozen.
    ///
    /// The network is a chain, so each gradient is computed once and handed on; candle's own backward pass would
    /// add each to a tensor of zeros first, four more passes over memory.
    ///
    /// # Errors
    /// If the pass is another network's.
    pub fn backward(&mut self, pass: Pass, loss: &CrossEntropy) -> Result<Gradients> {
        self.backward_part(pass, loss, None)
    }

    /// [`Network::backward`] for [`Network::forward_part`] of the same `batch`. The gradients of all ranks times the weights of their
    /// parts add up to those of the whole batch times the sum of the weights.
    ///
    /// # Errors
    /// As [`Network::backward`], or if the sums fail.
    pub fn backward_part(
        &mut self,
        pass: Pass,
        loss: &CrossEntropy,
        batch: Option<SharedBatch>,
    ) -> Result<Gradients> {
        let Pass {
            images,
            mut records,
            features,
            ..
        } = pass;
        let mut gradients = Gradients::default();
        let before = linear_backward(
            &loss.gradient.contiguous()?,
            &features,
            &self.fc_weight.tensor().detach(),
        )?;
        gradients.insert(&self.fc_weight, before.weight);
        gradients.insert(&self.fc_bias, before.bias);

        let first = self.first_trainable();
        if first == self.layers.len() {
            self.give_back(records);
            return Ok(gradients);
        }
        let Some(mut record) = records.pop() else {
            bail!("the network has no layers")
        };
        let mut gradient = self.buffer_like(&record)?;
        let mut parameters = global_average_pool_backward(&before.features, record.activation(), &gradient)?;
        for i in (first..self.layers.len()).rev() {
            let below = records.pop();
            let out = below.as_ref().map(|below| self.buffer_like(below)).transpose()?;
            let input = match &below {
                Some(below) => Input::Activation(below.activation()),
                None => Input::Image(&images),
            };
            self.layers[i].insert_normalization(&parameters, &mut gradients);
            if self.has_fixed_statistics {
                // The two sums are how the batch's statistics depend on the convolution's result.
                parameters = ParameterGradients {
                    gamma: parameters.gamma.zeros_like()?,
                    beta: parameters.beta.zeros_like()?,
                };
            } else if let Some(SharedBatch { ranks, weight }) = batch {
                let rows = self.layers[i].rows(&record.raw);
                parameters = parameters.over_ranks(rows, weight, ranks)?;
            }
            let upstream = Upstream {
                activation: record.activation(),
                gradient: &gradient,
                parameters: &parameters,
            };
            let before = self.timed(Phase::Backward, i, |layer| {
                layer.backward(input, upstream, out.as_ref(), &mut gradients)
            })?;
            self.buffers.give(gradient);
            self.buffers.give(record.raw);
            let (Some(below), Some(out), Some(before)) = (below, out, before) else {
                break;
            };
            if i == first {
                self.buffers.give(out);
                self.buffers.give(below.raw);
                break;
            }
            (record, gradient, parameters) = (below, out, before);
        }
        self.give_back(records);
        Ok(gradients)
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]` with the running statistics; carries no gradient.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward_eval(&mut self, images: &Tensor) -> Result<Tensor> {
        let records = self.convolutions(&images.detach().contiguous()?, Mode::Evaluate)?;
        let features = self.pool(&records)?;
        self.give_back(records);
        Ok(self.linear(&features)?.detach())
    }

    /// Sets every running statistic to the batch's, and forgets what was there.
    pub(crate) fn measure_statistics(&mut self, images: &Tensor) -> Result<()> {
        let records = self.convolutions(images, Mode::Measure)?;
        self.give_back(records);
        Ok(())
    }

    pub(super) fn convolutions(&mut self, images: &Tensor, mode: Mode) -> Result<Vec<Record>> {
        self.buffers.prepare(images);
        let mut records: Vec<Record> = Vec::with_capacity(self.layers.len());
        for i in 0..self.layers.len() {
            let input = match records.last() {
                Some(below) => Input::Activation(below.activation()),
                None => Input::Image(images),
            };
            let shape = self.layers[i].out_shape(input)?;
            let dtype = self.activation_type.dtype();
            let out = self.buffers.take(shape, dtype, &self.device)?;
            let mode = match mode {
                Mode::Train(_) if self.has_fixed_statistics || i < self.first_trainable() => Mode::Evaluate,
                mode => mode,
            };
            let record = self.timed(Phase::Forward, i, |layer| layer.forward(input, out, mode))?;
            records.push(record);
        }
        Ok(records)
    }

    pub(super) fn pool(&self, records: &[Record]) -> Result<Tensor> {
        match records.last() {
            Some(last) => global_average_pool(last.activation()),
            None => bail!("the network has no layers"),
        }
    }

    fn buffer_like(&mut self, record: &Record) -> Result<Tensor> {
        let shape = record.raw.shape().clone();
        self.buffers
            .take(shape, self.activation_type.dtype(), &self.device)
    }

    pub(super) fn give_back(&mut self, records: Vec<Record>) {
        records
            .into_iter()
            .for_each(|record| self.buffers.give(record.raw));
    }

    pub(super) fn linear(&self, features: &Tensor) -> Result<Tensor> {
        linear(features, self.fc_weight.tensor(), self.fc_bias.tensor())
    }

    /// Runs `work` of a layer, and times it while a profile is being taken.
    fn timed<R>(
        &mut self,
        phase: Phase,
        layer: usize,
        work: impl FnOnce(&mut Layer) -> Result<R>,
    ) -> Result<R> {
        let Some(profile) = &mut self.profile else {
            return work(&mut self.layers[layer]);
        };
        let start = Instant::now();
        let result = work(&mut self.layers[layer])?;
        self.device.synchronize()?;
        profile.add(phase, layer, start.elapsed());
        Ok(result)
    }
}
