//! How a loader makes batches.

use std::collections::BTreeSet;

use mbn_spec::Preprocess;

use super::error::LoaderError;
use super::part::BatchPart;
use crate::augment::Augment;

/// Number of batches that are ready or in progress while the training step uses another.
const PREFETCH: usize = 4;

/// The order of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The order of the source.
    Sequential,
    /// A new random order in each epoch.
    Shuffled,
}

/// What a loader does about pictures that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPictures {
    /// The first ends the epoch.
    Fail,
    /// Its batch lacks it. The rest of the batch is as it would be with it, except for mixing.
    Skip,
}

/// How a loader makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderConfig {
    /// Number of pictures in a batch, all parts together.
    pub batch_size: usize,
    /// The part of each batch that the loader makes.
    pub part: BatchPart,
    /// Order of the pictures.
    pub order: Order,
    /// Whether to drop the last batch if it is not full, unless it is the only one.
    pub drop_last: bool,
    /// Indices of pictures that are left out of every epoch. The others keep their random streams.
    pub without: BTreeSet<usize>,
    /// Indices of pictures that are known not to be usable since the order of the batches was settled. Their batches lack them, and
    /// they are not loaded.
    pub broken: BTreeSet<usize>,
    /// What to do about other pictures that cannot be used.
    pub bad_pictures: BadPictures,
    /// Seed of the order and the augmentation.
    pub seed: u64,
    /// Size and normalisation, and without augmentation also how pictures become square.
    pub preprocess: Preprocess,
    /// Random changes. Without them, pictures only become square as `preprocess` says.
    pub augment: Option<Augment>,
    /// Whether batches hold crops, which the device resizes, mirrors and normalises. Batches hold images regardless if
    /// erasing or mixing is on. The choice does not change which part of a picture is taken.
    pub crops: bool,
    /// Number of decoding threads; 0 means one per core.
    pub workers: usize,
    /// Number of batches that are ready or in progress ahead of the one in use.
    pub prefetch: usize,
}

impl LoaderConfig {
    /// For training: shuffled, full batches.
    pub fn training(preprocess: Preprocess, batch_size: usize, seed: u64) -> Self {
        Self {
            batch_size,
            part: BatchPart::default(),
            order: Order::Shuffled,
            drop_last: true,
            without: BTreeSet::new(),
            broken: BTreeSet::new(),
            bad_pictures: BadPictures::Fail,
            seed,
            preprocess,
            augment: None,
            crops: false,
            workers: 0,
            prefetch: PREFETCH,
        }
    }

    /// For evaluation: every picture once, in order; the last batch may be smaller.
    pub fn evaluation(preprocess: Preprocess, batch_size: usize) -> Self {
        Self {
            order: Order::Sequential,
            drop_last: false,
            ..Self::training(preprocess, batch_size, 0)
        }
    }

    /// Sets the random changes.
    #[must_use]
    pub fn with_augment(mut self, augment: Augment) -> Self {
        self.augment = Some(augment);
        self
    }

    /// Sets whether batches hold crops.
    #[must_use]
    pub fn with_crops(mut self, crops: bool) -> Self {
        self.crops = crops;
        self
    }

    /// Sets which pictures are left out, and what is done about others that cannot be used.
    #[must_use]
    pub fn with_bad_pictures(mut self, without: BTreeSet<usize>, bad_pictures: BadPictures) -> Self {
        self.without = without;
        self.bad_pictures = bad_pictures;
        self
    }

    /// Sets the part of each batch that the loader makes.
    #[must_use]
    pub fn with_part(mut self, part: BatchPart) -> Self {
        self.part = part;
        self
    }

    /// Sets the number of decoding threads; 0 means one per core.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Number of pictures in the batches of an epoch over a source of `len` pictures.
    pub(super) fn samples_per_epoch(&self, len: usize) -> usize {
        let len = len - self.without.range(..len).count();
        // A tiny last batch has noisy statistics. A source smaller than one batch has no other batch.
        if self.drop_last && len >= self.batch_size {
            return len - len % self.batch_size;
        }
        len
    }

    pub(super) fn validate(&self) -> Result<(), LoaderError> {
        if self.batch_size == 0 {
            return Err(LoaderError::BatchSize);
        }
        let BatchPart { index, count } = self.part;
        if !self.part.exists() {
            return Err(LoaderError::Part { index, count });
        }
        self.preprocess.validate()?;
        if let Some(augment) = &self.augment {
            augment.validate()?;
        }
        Ok(())
    }
}
