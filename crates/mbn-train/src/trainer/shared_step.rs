//! A step that several ranks take together, each on its part of the batch.

use std::rc::Rc;

use anyhow::{Error, Result};
use candle_core::Tensor;
use mbn_cli::interrupt;
use mbn_data::{Batch, LoaderError, Unusable};
use mbn_model::{Gradients, Reading, SharedBatch};

use super::Trainer;
use super::bad_images::Part;
use super::batch_norm_sums::BatchNormSums;
use crate::data;

/// What a rank makes of its part of a batch. A part without images has no gradients, and zeros as totals.
#[derive(Default)]
struct Share {
    gradients: Option<Gradients>,
    totals: Totals,
    unusable: Vec<Unusable>,
}

/// What is added up beside gradients and running statistics. Counts of a batch are exact in float32.
#[derive(Clone, Copy, Default)]
struct Totals {
    /// The images' weights in the loss.
    weight: f32,
    /// The losses times these weights.
    loss: f32,
    /// Images that were classified correctly.
    right: f32,
    images: f32,
    /// Images that cannot be used.
    unusable: f32,
    /// Ranks that pass none of their images, because they are too few.
    short: f32,
    /// Ranks that have an error.
    failures: f32,
    /// Ranks that the user asked to stop.
    stops: f32,
}

impl Totals {
    const COUNT: usize = 8;

    fn to_array(self) -> [f32; Self::COUNT] {
        let Self {
            weight,
            loss,
            right,
            images,
            unusable,
            short,
            failures,
            stops,
        } = self;
        [weight, loss, right, images, unusable, short, failures, stops]
    }

    /// The last values of a vector.
    fn from_end_of(values: &Tensor) -> Result<Self> {
        let start = values.elem_count() - Self::COUNT;
        // A copy, so that a device gives no more than these to the CPU.
        let values = values.narrow(0, start, Self::COUNT)?.force_contiguous()?;
        let mut array = [0.0; Self::COUNT];
        array.copy_from_slice(&values.to_vec1::<f32>()?);
        let [weight, loss, right, images, unusable, short, failures, stops] = array;
        Ok(Self {
            weight,
            loss,
            right,
            images,
            unusable,
            short,
            failures,
            stops,
        })
    }

    /// What the meter would read had one process passed the whole batch.
    fn reading(&self) -> Reading {
        let mean = f64::from(self.loss) / f64::from(self.weight);
        Reading {
            loss: mean * f64::from(self.images),
            right: self.right as usize,
            images: self.images as usize,
            steps: 1,
        }
    }
}

impl Trainer {
    /// One step of all ranks, given this rank's part of the batch; they add up everything at once, after the sums of batch norm if
    /// it is over the whole batch. Returns the reading of the whole batch.
    ///
    /// If a rank has an error, none of them steps: the main rank saves the run as it was before, and all of them return the error.
    pub(super) fn shared_step(
        &mut self,
        batch: Result<Batch, LoaderError>,
        learning_rate: f64,
    ) -> Result<Option<Reading>> {
        let statistics = self.network.running_statistics()?;
        let ranks = Rc::clone(&self.ranks);
        let sums = self
            .syncs_batch_norm()
            .then(|| BatchNormSums::new(&ranks, &self.network));
        let is_short = self.is_short(&batch)?;
        let share = self.share_of(batch, is_short, sums.as_ref());
        if let Some(sums) = sums {
            sums.finish()?;
        }
        let (share, failure) = match share {
            Ok(share) => (share, None),
            Err(error) => (Share::default(), Some(error)),
        };
        let Share {
            gradients,
            mut totals,
            unusable,
        } = share;
        let has_images = totals.images > 0.0;
        totals.unusable = unusable.len() as f32;
        totals.failures = if failure.is_some() { 1.0 } else { 0.0 };
        totals.stops = if interrupt::requested() { 1.0 } else { 0.0 };
        let (weight, images) = (totals.weight, totals.images as usize);
        let shared = self
            .network
            .share(gradients.as_ref(), weight, images, &totals.to_array())?;
        let sums = self.ranks.sum(shared)?;
        let totals = Totals::from_end_of(&sums)?;

        if totals.failures > 0.0 {
            self.network.set_running_statistics(statistics);
            return self.end_together(failure);
        }
        if totals.unusable > 0.0 {
            self.share_unusable(unusable, Part::Train)?;
        }
        if totals.short > 0.0 {
            self.note_short_step();
        }
        self.is_stopping |= totals.stops > 0.0;
        if totals.images == 0.0 {
            return Ok(None);
        }
        if !has_images {
            self.network.count_batch();
        }
        let reading = totals.reading();
        if reading.loss.is_finite() {
            let values = sums.narrow(0, 0, self.network.shared_len())?;
            let gradients = self.network.take(&values, totals.weight, reading.images)?;
            self.descend(gradients, learning_rate)?;
        }
        Ok(Some(reading))
    }

    /// What this rank makes of its part of a batch.
    fn share_of(
        &mut self,
        batch: Result<Batch, LoaderError>,
        is_short: bool,
        sums: Option<&BatchNormSums>,
    ) -> Result<Share> {
        let mut batch = data::usable(batch, self.run.path())?;
        let unusable = std::mem::take(&mut batch.unusable);
        if batch.labels.is_empty() {
            return Ok(Share {
                unusable,
                ..Share::default()
            });
        }
        if is_short {
            return Ok(Share {
                unusable,
                totals: Totals {
                    short: 1.0,
                    ..Totals::default()
                },
                ..Share::default()
            });
        }
        let images = batch.labels.len();
        // The loss of a part is divided by the part's weight, see `relative_weights`.
        let weight = match &self.class_weights {
            Some(weights) => batch.weights(weights).iter().sum(),
            None => images as f32,
        };
        let shared = sums.map(|ranks| SharedBatch {
            ranks,
            weight: weight.into(),
        });
        let (pass, loss) = self.forward(batch, shared)?;
        let gradients = self.network.backward_part(pass, &loss, shared)?;
        // This waits for the device, which by now has all of its work.
        let reading = self.meter.read()?;
        let (sum, right) = reading.map_or((0.0, 0), |reading| (reading.loss, reading.right));
        let totals = Totals {
            weight,
            loss: (sum / images as f64) as f32 * weight,
            right: right as f32,
            images: images as f32,
            ..Totals::default()
        };
        Ok(Share {
            gradients: Some(gradients),
            totals,
            unusable,
        })
    }

    /// Whether batch norm uses the statistics of the batch of several ranks.
    pub(super) fn syncs_batch_norm(&self) -> bool {
        self.progress.settings.sync_batch_norm && self.ranks.size() > 1
    }

    /// Saves the run, and returns this rank's error or that of another.
    fn end_together<T>(&mut self, failure: Option<Error>) -> Result<Option<T>> {
        self.save_despite_error();
        let failed = failure.map_or(Ok(None), Err);
        self.ranks.agree(failed)
    }
}
