//! What an epoch's batches are made of, and the making of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mbn_spec::Preprocess;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::{Batch, Loader, LoaderError, Order, Shared};
use crate::augment::{Augment, erase, mix};
use crate::normalize::Normalizer;
use crate::random::{batch_stream, sample_stream, shuffled};
use crate::resize;
use crate::source::Source;

/// An epoch's batches, each of which can be made without the others.
pub(super) struct Plan {
    shared: Arc<Shared>,
    order: Vec<usize>,
    batch_size: usize,
    seed: u64,
    epoch: u64,
    preprocess: Preprocess,
    normalizer: Normalizer,
    augment: Option<Augment>,
    /// Number of batches that are ready or being made ahead of the one in use.
    pub prefetch: usize,
    /// Set when nobody wants the batches any more.
    pub cancelled: Arc<AtomicBool>,
}

impl Plan {
    pub fn new(loader: &Loader, epoch: u64, size: usize) -> Self {
        let config = &loader.config;
        let len = loader.shared.source.len();
        let mut order = match config.order {
            Order::Sequential => (0..len).collect(),
            Order::Shuffled => shuffled(config.seed, epoch, len),
        };
        order.truncate(loader.samples_per_epoch());
        let preprocess = Preprocess {
            size,
            ..config.preprocess
        };
        Self {
            shared: Arc::clone(&loader.shared),
            order,
            batch_size: config.batch_size,
            seed: config.seed,
            epoch,
            preprocess,
            normalizer: Normalizer::new(&preprocess),
            augment: config.augment.clone(),
            prefetch: config.prefetch,
            cancelled: Arc::default(),
        }
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Makes a batch. The error is that of the first picture in the batch that has one.
    pub fn build(&self, batch: usize) -> Result<Batch, LoaderError> {
        let start = batch * self.batch_size;
        let end = self.order.len().min(start + self.batch_size);
        let indices = &self.order[start..end];
        let size = self.preprocess.size;
        let picture = 3 * size * size;
        let mut images = self.shared.buffer(indices.len() * picture);
        let results: Vec<Result<(), LoaderError>> = self.shared.pool.install(|| {
            let pictures = images.par_chunks_mut(picture).zip(indices.par_iter());
            pictures
                .with_max_len(1)
                .map(|(out, &index)| match self.cancelled.load(Ordering::Relaxed) {
                    true => Ok(()),
                    false => self.fill(index, out),
                })
                .collect()
        });
        results.into_iter().collect::<Result<(), _>>()?;
        let mixed = self.augment.as_ref().and_then(|augment| {
            let mut stream = batch_stream(self.seed, self.epoch, batch);
            self.shared
                .pool
                .install(|| mix(&augment.mixing, &mut images, size, &mut stream))
        });
        let source = &self.shared.source;
        Ok(Batch {
            images,
            size,
            labels: indices.iter().map(|&index| source.label(index)).collect(),
            indices: indices.to_vec(),
            mixed,
        })
    }

    /// Decodes, resizes, changes and normalises one picture.
    fn fill(&self, index: usize, out: &mut [f32]) -> Result<(), LoaderError> {
        let source: &dyn Source = &*self.shared.source;
        let image = source.load(index)?;
        let mut stream = sample_stream(self.seed, self.epoch, index);
        let resized = match &self.augment {
            Some(augment) => augment.apply(&image, &self.preprocess, &mut stream),
            None => resize::apply(&image, &self.preprocess),
        };
        let resized = resized.map_err(|error| LoaderError::Resize {
            path: source.path(index).to_owned(),
            source: error,
        })?;
        self.normalizer.apply(&resized, out);
        if let Some(augment) = &self.augment {
            erase(&augment.erasing, out, self.preprocess.size, &mut stream);
        }
        Ok(())
    }
}
