//! Makes batches on worker threads ahead of the training step. The number of workers does not change the batches.

mod batch;
mod batch_builder;
mod config;
mod epoch;
mod error;
mod part;
mod second_look;

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::ThreadPool;

pub use batch::{Batch, Example, Unusable};
pub use config::{BadPictures, LoaderConfig, Order};
pub use epoch::Epoch;
pub use error::LoaderError;
pub use part::BatchPart;

use batch_builder::{BatchBuilder, Shared};

use crate::image_source::ImageSource;
use crate::normalize::Normalizer;

/// Makes the batches of every epoch over a source.
pub struct Loader {
    config: LoaderConfig,
    shared: Arc<Shared>,
}

impl Loader {
    /// Starts the workers, which sleep until an epoch begins.
    ///
    /// # Errors
    /// [`LoaderError`] if the source is empty, the configuration is invalid, or threads cannot be started.
    pub fn new(source: Arc<dyn ImageSource>, config: LoaderConfig) -> Result<Self, LoaderError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.workers)
            .thread_name(|i| format!("mbn-data-{i}"))
            .build()?;
        Self::on(Arc::new(pool), source, config)
    }

    /// A loader of another source on the workers of this one, whatever number the configuration says.
    ///
    /// # Errors
    /// [`LoaderError`] if the source is empty or the configuration is invalid.
    pub fn beside(&self, source: Arc<dyn ImageSource>, config: LoaderConfig) -> Result<Self, LoaderError> {
        Self::on(Arc::clone(&self.shared.pool), source, config)
    }

    fn on(
        pool: Arc<ThreadPool>,
        source: Arc<dyn ImageSource>,
        config: LoaderConfig,
    ) -> Result<Self, LoaderError> {
        config.validate()?;
        if config.samples_per_epoch(source.len()) == 0 {
            return Err(LoaderError::EmptySource);
        }
        let shared = Arc::new(Shared { source, pool });
        Ok(Self { config, shared })
    }

    /// Leaves these pictures out of their batches from the next epoch on, without loading them. The batches hold what they would
    /// if the pictures were loaded in vain.
    pub fn lack(&mut self, pictures: &BTreeSet<usize>) {
        self.config.broken.extend(pictures);
    }

    /// Begins an epoch and starts to make its first batches at once. Call it early, for example before an evaluation,
    /// to hide the time that they take. Order and augmentation depend on the seed and `epoch` only.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        Epoch::start(self.builder(epoch, self.config.preprocess.size), 0)
    }

    /// Like [`Loader::epoch`], but with pictures of another size (which may grow during training), and starting at
    /// batch `first` (to resume a run within an epoch). The batches equal those of the whole epoch.
    ///
    /// # Errors
    /// [`LoaderError`] if the network does not support that size.
    pub fn epoch_from(&self, epoch: u64, size: usize, first: usize) -> Result<Epoch, LoaderError> {
        self.require_valid(size)?;
        Ok(Epoch::start(self.builder(epoch, size), first))
    }

    fn builder(&self, epoch: u64, size: usize) -> BatchBuilder {
        BatchBuilder::new(&self.config, Arc::clone(&self.shared), epoch, size)
    }

    fn require_valid(&self, size: usize) -> Result<(), LoaderError> {
        Ok(self.config.preprocess.with_size(size).validate()?)
    }

    /// The pictures of an epoch's whole first batch exactly as the network sees them at `size` (cropped, jittered, erased and
    /// mixed), converted back to RGB.
    ///
    /// # Errors
    /// [`LoaderError`] if the network does not support that size or a picture cannot be loaded.
    pub fn preview(&self, epoch: u64, size: usize) -> Result<Vec<Example>, LoaderError> {
        self.require_valid(size)?;
        let batch = self.builder(epoch, size).with_images().whole().build(0)?;
        let normalizer = Normalizer::new(&self.config.preprocess);
        let pictures = batch.images.chunks_exact(3 * batch.size * batch.size).enumerate();
        let examples = pictures.map(|(i, picture)| Example {
            image: normalizer.invert(picture, batch.size),
            shares: batch.shares(i),
            index: batch.indices[i],
        });
        Ok(examples.collect())
    }

    /// The configuration.
    pub fn config(&self) -> &LoaderConfig {
        &self.config
    }

    /// Number of pictures in the batches of an epoch, all parts together.
    pub fn samples_per_epoch(&self) -> usize {
        self.config.samples_per_epoch(self.shared.source.len())
    }

    /// Number of batches in an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.samples_per_epoch().div_ceil(self.config.batch_size)
    }
}

#[cfg(test)]
mod tests;
