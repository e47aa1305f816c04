//! Batches made on worker threads ahead of the training step, the same ones with any number of workers.

mod batch;
mod config;
mod epoch;
mod plan;

use std::sync::Arc;

use rayon::ThreadPool;

pub use batch::{Batch, Example};
pub use config::{LoaderConfig, LoaderError, Order};
pub use epoch::Epoch;

use mbn_spec::Preprocess;
use plan::Plan;

use crate::normalize::Normalizer;
use crate::source::Source;

/// Makes the batches of each epoch of a source.
pub struct Loader {
    config: LoaderConfig,
    shared: Arc<Shared>,
}

/// What the threads of all epochs use.
struct Shared {
    source: Arc<dyn Source>,
    /// A pool of its own: the training step computes on the global one.
    pool: ThreadPool,
}

impl Loader {
    /// Starts the workers; they sleep until an epoch begins.
    ///
    /// # Errors
    /// [`LoaderError`] for an empty source, a configuration that cannot be carried out, or if no threads can be
    /// had.
    pub fn new(source: Arc<dyn Source>, config: LoaderConfig) -> Result<Self, LoaderError> {
        config.validate()?;
        if source.is_empty() {
            return Err(LoaderError::EmptySource);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.workers)
            .thread_name(|i| format!("mbn-data-{i}"))
            .build()?;
        let shared = Arc::new(Shared { source, pool });
        Ok(Self { config, shared })
    }

    /// Begins an epoch: its first batches are made from now on, so that beginning one before it is needed (while
    /// the model is evaluated, say) hides the time they take. Its order and augmentation depend on the seed and
    /// `epoch` alone.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        Epoch::start(Plan::new(self, epoch, self.config.preprocess.size), 0)
    }

    /// As [`Loader::epoch`], with pictures of another size, which may grow as training proceeds, and from batch `first`
    /// on: the same batches as in the whole epoch, for a run that goes on within one.
    ///
    /// # Errors
    /// [`LoaderError`] if the network cannot take that size.
    pub fn epoch_from(&self, epoch: u64, size: usize, first: usize) -> Result<Epoch, LoaderError> {
        self.require_valid(size)?;
        Ok(Epoch::start(Plan::new(self, epoch, size), first))
    }

    fn require_valid(&self, size: usize) -> Result<(), LoaderError> {
        let preprocess = Preprocess {
            size,
            ..self.config.preprocess
        };
        Ok(preprocess.validate()?)
    }

    /// The pictures of an epoch's first batch exactly as the network is to see them at `size`, cropped, coloured, erased
    /// and mixed, as RGB.
    ///
    /// # Errors
    /// [`LoaderError`] if the network cannot take that size, or if one of them cannot be made.
    pub fn preview(&self, epoch: u64, size: usize) -> Result<Vec<Example>, LoaderError> {
        self.require_valid(size)?;
        let plan = Plan::new(self, epoch, size).with_images();
        let batch = plan.build(0)?;
        let normalizer = Normalizer::new(&self.config.preprocess);
        let pictures = batch.images.chunks_exact(3 * batch.size * batch.size).enumerate();
        let examples = pictures.map(|(i, picture)| Example {
            image: normalizer.invert(picture, batch.size),
            shares: batch.shares(i),
            index: batch.indices[i],
        });
        Ok(examples.collect())
    }

    /// How batches are made.
    pub fn config(&self) -> &LoaderConfig {
        &self.config
    }

    /// Number of pictures in an epoch's batches.
    pub fn samples_per_epoch(&self) -> usize {
        let (len, batch) = (self.shared.source.len(), self.config.batch_size);
        // A tiny last batch has noisy statistics; a source smaller than a batch has no other.
        if self.config.drop_last && len >= batch {
            return len - len % batch;
        }
        len
    }

    /// Number of batches in an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.samples_per_epoch().div_ceil(self.config.batch_size)
    }
}

#[cfg(test)]
mod tests;
