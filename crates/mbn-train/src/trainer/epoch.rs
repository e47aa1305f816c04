//! A pass over the training set, step by step.

use std::time::Instant;

use anyhow::{Result, anyhow};
use candle_core::Tensor;
use mbn_cli::{Hint, interrupt};
use mbn_data::{Batch, LoaderError};
use mbn_model::{CrossEntropy, Gradients, Pass, Reading, SharedBatch};
use mbn_model::{cross_entropy, soft_cross_entropy};

use super::Trainer;
use super::bad_images::Part;
use super::progress_bar::EpochBar;
use super::schedule::Schedule;
use super::targets::targets;
use crate::data;
use crate::run::STATE;

/// Steps between reports of the speed with `--log-level debug`.
const STEPS_BETWEEN_MESSAGES: usize = 10;

impl Trainer {
    /// The rest of a pass over the training set; `false` if the user stopped it.
    pub(super) fn train_epoch(&mut self) -> Result<bool> {
        let epoch = self.progress.history.len();
        let settings = self.progress.settings.clone();
        let steps = self.train_loader.batches_per_epoch();
        let schedule = self.schedule();
        let size = settings.train_size_of(epoch);
        let title = format!("epoch {:>3}/{}", epoch + 1, settings.epochs);
        let bar = EpochBar::new(&title, self.train_loader.samples_per_epoch());
        let mut start = Instant::now();
        let first = self.progress.position.step;
        for batch in self.train_loader.epoch_from(epoch as u64, size, first)? {
            if self.must_stop() {
                self.record_rest(&bar, &mut start)?;
                bar.clear();
                return Ok(false);
            }
            let learning_rate = schedule.learning_rate(epoch * steps + self.progress.position.step);
            if batch.is_err() && self.ranks.are_one() {
                // The steps since the last save are not lost. Several ranks save once all of them know of the error.
                self.record_rest(&bar, &mut start)?;
                self.save_despite_error();
            }
            let reading = match self.ranks.are_one() {
                true => self.step(batch, learning_rate)?,
                false => self.shared_step(batch, learning_rate)?,
            };
            self.progress.position.step += 1;
            if let Some(reading) = reading {
                self.record(reading, &bar, &mut start)?;
            }
            let position = &self.progress.position;
            if position.step.is_multiple_of(STEPS_BETWEEN_MESSAGES) && position.seen > 0 {
                let rate = position.seen as f64 / position.seconds;
                log::debug!(
                    "epoch {}, step {}/{steps}: {rate:.1} images/s",
                    epoch + 1,
                    position.step
                );
            }
            if self.ranks.is_main() && self.saved.elapsed() >= self.save_every {
                self.record_rest(&bar, &mut start)?;
                self.save_state()?;
                // Images/s covers training only.
                start = Instant::now();
            }
        }
        self.record_rest(&bar, &mut start)?;
        bar.clear();
        if self.progress.position.seen == 0 {
            self.ranks.all_fail();
            return self.nothing_trained();
        }
        Ok(!self.must_stop())
    }

    /// Whether the user asked this process to stop; with others, whether all of them know that one was asked.
    fn must_stop(&self) -> bool {
        self.is_stopping || self.ranks.are_one() && interrupt::requested()
    }

    /// Adds a reading; an error if its loss is not finite.
    fn record(&mut self, reading: Reading, bar: &EpochBar, start: &mut Instant) -> Result<()> {
        let mean = reading.loss / reading.images as f64;
        if !mean.is_finite() {
            bar.clear();
            self.ranks.all_fail();
            let what = match reading.steps {
                1 => format!("the loss became {mean}"),
                steps => format!("the loss became {mean} within {steps} steps that end"),
            };
            return self.diverged(&what);
        }
        let position = &mut self.progress.position;
        position.loss += reading.loss;
        position.right += reading.right;
        position.seen += reading.images;
        position.seconds += start.elapsed().as_secs_f64();
        *start = Instant::now();
        let left = self
            .pace
            .time_left(self.epochs_done(), self.progress.settings.epochs.get());
        bar.show(&self.progress.position, left);
        Ok(())
    }

    /// Adds the steps that have not been read yet.
    fn record_rest(&mut self, bar: &EpochBar, start: &mut Instant) -> Result<()> {
        match self.meter.read()? {
            Some(reading) => self.record(reading, bar, start),
            None => Ok(()),
        }
    }

    /// Finished epochs, and the finished part of the next.
    pub(super) fn epochs_done(&self) -> f64 {
        let steps = self.train_loader.batches_per_epoch().max(1) as f64;
        self.progress.history.len() as f64 + self.progress.position.step as f64 / steps
    }

    pub(super) fn schedule(&self) -> Schedule {
        let settings = &self.progress.settings;
        let steps = self.train_loader.batches_per_epoch();
        Schedule {
            peak: settings.lr.get(),
            warmup_steps: settings.warmup.get() * steps as f64,
            // The product may be more than an integer holds.
            steps: settings.epochs.get() as f64 * steps as f64,
        }
    }

    /// One step. Returns a reading of the last steps if one is due.
    pub(super) fn step(
        &mut self,
        batch: Result<Batch, LoaderError>,
        learning_rate: f64,
    ) -> Result<Option<Reading>> {
        let batch = self.usable(batch)?;
        if batch.labels.is_empty() {
            return Ok(None);
        }
        let (pass, loss) = self.forward(batch, None)?;
        let reading = self.meter.read_if_due()?;
        if reading.is_none_or(|reading| reading.loss.is_finite()) {
            let gradients = self.network.backward(pass, &loss)?;
            self.descend(gradients, learning_rate)?;
        }
        Ok(reading)
    }

    /// A batch of training images, without those that cannot be used, which are reported. It has none at all if the others are too
    /// few to train on.
    pub(super) fn usable(&mut self, batch: Result<Batch, LoaderError>) -> Result<Batch> {
        let batch = data::usable(batch, self.run.path())?;
        self.note_unusable(&batch.unusable, Part::Train);
        if !batch.labels.is_empty() && self.is_too_small(&batch) {
            self.note_short_step();
            return Ok(Batch::default());
        }
        Ok(batch)
    }

    /// A pass over a batch, or over this rank's part of one that is shared, and its loss, which the meter gets.
    pub(super) fn forward(
        &mut self,
        batch: Batch,
        shared: Option<SharedBatch>,
    ) -> Result<(Pass, CrossEntropy)> {
        let class_weights = self.class_weights.as_deref();
        let weights = class_weights.map(|weights| batch.weights(weights));
        let smoothing = self.progress.settings.label_smoothing.get();
        let targets = {
            let shape = (batch.labels.len(), self.progress.classes.len());
            let targets = targets(&batch, shape.1, smoothing as f32, class_weights);
            let to_device = |targets| Tensor::from_vec(targets, shape, self.network.device());
            targets.map(to_device).transpose()?
        };
        let partners = prevailing_partners(&batch);
        let (images, labels) = self.feed.tensors(batch)?;
        let pass = self.network.forward_part(&images, shared)?;
        let loss = match targets {
            Some(targets) => soft_cross_entropy(pass.logits(), &targets)?,
            None => cross_entropy(pass.logits(), &labels, smoothing)?,
        };
        let loss = match &mut self.teacher {
            Some(teacher) => teacher.blend(loss, pass.logits(), &images, weights.as_deref())?,
            None => loss,
        };
        let prevailing = match partners {
            Some(labels) => Tensor::new(labels, self.network.device())?,
            None => labels,
        };
        self.meter.add(&loss, &prevailing)?;
        Ok((pass, loss))
    }

    /// Moves the weights by the gradients of a batch, and their average.
    pub(super) fn descend(&mut self, mut gradients: Gradients, learning_rate: f64) -> Result<()> {
        let clip_norm = self.progress.settings.clip_norm.get();
        if clip_norm > 0.0 {
            gradients.clip_norm(clip_norm)?;
        }
        self.optimizer
            .step(self.network.trainable_parameters(), &gradients, learning_rate)?;
        if let Some(average) = &mut self.average {
            average.update(&self.network, self.optimizer.state().steps)?;
        }
        Ok(())
    }

    /// The error that ends a run whose loss or weights stopped being finite in its last step.
    pub(super) fn diverged<T>(&self, what: &str) -> Result<T> {
        let steps = self.train_loader.batches_per_epoch();
        let done = self.progress.history.len() * steps + self.progress.position.step;
        let last = done.saturating_sub(1);
        let learning_rate = self.schedule().learning_rate(last);
        let (epoch, step) = (last / steps, last % steps);
        let (state, position) = (self.run.file(STATE), &self.saved_position);
        Err(anyhow!(
            "{what} in epoch {}, step {} of {steps} (step {} of the run), at learning rate {learning_rate:?}; the last good \
             checkpoint is `{}`, {position}",
            epoch + 1,
            step + 1,
            last + 1,
            state.display()
        ))
        .hint(|| "start a new run with a lower `--lr`, a longer `--warmup`, or `--clip-norm 5`".to_owned())
    }
}

/// The labels of the images that are mixed in, if these have the larger share: the correct answers for the mixed images.
fn prevailing_partners(batch: &Batch) -> Option<Vec<u32>> {
    let own = batch.mixed?;
    (own < 0.5).then(|| batch.labels.iter().rev().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_share_labels_a_mixed_image() {
        for (mixed, expected) in [
            (None, None),
            (Some(0.7), None),
            (Some(0.5), None),
            (Some(0.3), Some([2, 1, 0])),
        ] {
            let batch = Batch {
                labels: vec![0, 1, 2],
                mixed,
                ..Batch::default()
            };
            let prevailing = prevailing_partners(&batch);
            assert_eq!(prevailing, expected.map(Vec::from));
            // The prevailing label has the largest share of the target.
            for (i, label) in prevailing.unwrap_or(batch.labels.clone()).into_iter().enumerate() {
                let shares = batch.shares(i);
                let share = |label| shares.iter().find(|share| share.0 == label).unwrap().1;
                assert!(shares.iter().all(|other| share(label) >= other.1));
            }
        }
    }
}
