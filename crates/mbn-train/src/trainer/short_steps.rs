//! Steps with so few images, because others cannot be used, that batch norm would learn nothing from them.

use anyhow::{Result, anyhow, bail};
use mbn_cli::Hint;
use mbn_data::{Batch, LoaderError};
use mbn_spec::Architecture;

use super::Trainer;
use super::checks::{LEAST_VALUES, pixels_of_last_block};
use crate::run::Progress;
use crate::settings::{BLOCKS, BadImages, Settings};

/// The images of a batch, or of a rank's part of it, that lacks some: how many are left, and how many were planned.
#[derive(Clone, Copy, Debug)]
struct Rest {
    images: usize,
    planned: usize,
    /// Height and width in pixels.
    size: usize,
}

impl Rest {
    /// Whether batch norm of the last block would see fewer than [`LEAST_VALUES`] per channel because images are lacking. A run of an
    /// earlier version whose whole batches have so few goes on with them.
    fn is_too_small(self, settings: &Settings, architecture: &Architecture) -> bool {
        let is_short = self.images < self.planned;
        is_short
            && settings.freeze.blocks() != BLOCKS
            && self.images * pixels_of_last_block(self.size, architecture) < LEAST_VALUES
    }
}

impl Trainer {
    /// What is left of this rank's part of a batch of training images.
    fn rest_of(&self, batch: &Batch) -> Rest {
        let settings = &self.progress.settings;
        let mixed = settings.augment().mixing.is_on();
        Rest {
            images: batch.labels.len(),
            planned: self.ranks.part().len_of(settings.batch_size.get(), mixed),
            size: batch.size,
        }
    }

    /// Whether what is left of this rank's part of a batch is too small to train on.
    pub(super) fn is_too_small(&self, batch: &Batch) -> bool {
        self.rest_of(batch)
            .is_too_small(&self.progress.settings, self.network.architecture())
    }

    /// Counts a step that does without images, because too few of them can be used for batch norm, and says so once in a run.
    pub(super) fn note_short_step(&mut self) {
        self.progress.short_steps += 1;
        if self.progress.short_steps == 1 {
            log::warn!(
                "a step is left out, as others will be: of its batch, or of a rank's part of it, so few images can be used that batch \
                 norm would see fewer than {LEAST_VALUES} values per channel"
            );
        }
    }

    /// The error that ends a run after an epoch without a step.
    pub(super) fn nothing_trained<T>(&self) -> Result<T> {
        if self.train_loader.config().broken.len() + self.progress.left_out.train.len()
            >= self.data.train.len()
        {
            bail!("no training image can be used any more");
        }
        Err(anyhow!(
            "no step of the epoch had enough images that can be used: batch norm needs at least {LEAST_VALUES} values per channel"
        ))
        .hint(|| {
            "replace the images that cannot be used, and start a new run, or start one with a larger `--batch-size`".to_owned()
        })
    }

    /// Whether batch norm would see too few values in this rank's part of a batch that lacks images; where it is over the whole
    /// batch, in the parts of all ranks, which have to know before their passes. A part that cannot be made counts as empty here.
    pub(super) fn is_short(&self, batch: &Result<Batch, LoaderError>) -> Result<bool> {
        let rest = batch.as_ref().map(|batch| self.rest_of(batch)).ok();
        let mut images = [rest.map_or(0.0, |rest| rest.images as f64)];
        let is_synced = self.syncs_batch_norm();
        if is_synced && self.may_lack_images() {
            self.ranks.sum_f64(&mut images)?;
        }
        let rest = rest.map(|rest| match is_synced {
            true if self.may_lack_images() => Rest {
                images: images[0] as usize,
                planned: self.progress.settings.batch_size.get(),
                ..rest
            },
            // Every part is whole.
            true => Rest {
                planned: rest.images,
                ..rest
            },
            false => rest,
        });
        let (settings, architecture) = (&self.progress.settings, self.network.architecture());
        Ok(rest.is_some_and(|rest| rest.is_too_small(settings, architecture)))
    }

    /// Whether a batch may have fewer images than planned, which all ranks know alike.
    fn may_lack_images(&self) -> bool {
        let Progress { settings, broken, .. } = &self.progress;
        settings.bad_images == BadImages::Skip || broken.len() > 0
    }
}
