//! How a loader makes batches, and what can go wrong.

use std::path::PathBuf;

use mbn_spec::{Preprocess, PreprocessError};
use rayon::ThreadPoolBuildError;

use crate::augment::{Augment, AugmentError};
use crate::decode::DecodeError;
use crate::resize::ResizeError;

/// Batches that are ready or being made; the step takes one while others are made.
const PREFETCH: usize = 4;

/// In which order an epoch goes through the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the source has them.
    Sequential,
    /// Shuffled, each epoch anew.
    Shuffled,
}

/// How a loader makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderConfig {
    /// Pictures in a batch.
    pub batch_size: usize,
    /// Order of the pictures.
    pub order: Order,
    /// Whether to leave out a last batch that is not full, unless it is the only one.
    pub drop_last: bool,
    /// Seed of the order and of the augmentation.
    pub seed: u64,
    /// Size and normalisation; without augmentation also how pictures become square.
    pub preprocess: Preprocess,
    /// Random changes; without them pictures only become square, as `preprocess` says.
    pub augment: Option<Augment>,
    /// Whether batches hold crops, to be resized, mirrored and normalised where the network runs, unless something is
    /// erased or mixed. Which crop a picture gets does not depend on it.
    pub crops: bool,
    /// Threads that decode; 0 takes one for each core.
    pub workers: usize,
    /// Number of batches that are ready or being made ahead of the one in use.
    pub prefetch: usize,
}

impl LoaderConfig {
    /// Shuffled full batches.
    pub fn training(preprocess: Preprocess, batch_size: usize, seed: u64) -> Self {
        Self {
            batch_size,
            order: Order::Shuffled,
            drop_last: true,
            seed,
            preprocess,
            augment: None,
            crops: false,
            workers: 0,
            prefetch: PREFETCH,
        }
    }

    /// Every picture once, in order, the last batch as small as it is.
    pub fn evaluation(preprocess: Preprocess, batch_size: usize) -> Self {
        Self {
            order: Order::Sequential,
            drop_last: false,
            ..Self::training(preprocess, batch_size, 0)
        }
    }

    /// With these random changes.
    #[must_use]
    pub fn with_augment(mut self, augment: Augment) -> Self {
        self.augment = Some(augment);
        self
    }

    /// With crops in place of the network's input.
    #[must_use]
    pub fn with_crops(mut self, crops: bool) -> Self {
        self.crops = crops;
        self
    }

    /// With this number of decoding threads; 0 takes one for each core.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub(super) fn validate(&self) -> Result<(), LoaderError> {
        if self.batch_size == 0 {
            return Err(LoaderError::BatchSize);
        }
        self.preprocess.validate()?;
        if let Some(augment) = &self.augment {
            augment.validate()?;
        }
        Ok(())
    }
}

/// Batches that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// A batch must have a picture.
    #[error("the batch size is 0, expected at least 1")]
    BatchSize,
    /// The source has no pictures.
    #[error("the data set has no images")]
    EmptySource,
    /// The preprocessing cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The augmentation cannot be carried out.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// The system gives no threads.
    #[error("the decoding threads cannot be started")]
    Threads(#[from] ThreadPoolBuildError),
    /// A picture cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A picture cannot be resized.
    #[error("image `{}` cannot be used", path.display())]
    Resize {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ResizeError,
    },
    /// A thread stopped by a bug.
    #[error("a decoding thread stopped unexpectedly; its message is above")]
    Stopped,
}
