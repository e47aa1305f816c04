//! What an epoch's batches are made of, and the making of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::RgbImage;
use mbn_spec::Preprocess;
use rand_pcg::Pcg64;
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
    bytes: bool,
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
            bytes: config.bytes && !config.augment.as_ref().is_some_and(Augment::changes_values),
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
        let (mut images, mut pixels, mut mirrored) = (Vec::new(), Vec::new(), Vec::new());
        if self.bytes {
            pixels.resize(indices.len() * picture, 0);
            mirrored = self.fill(indices, &mut pixels, |image, _, out| out.copy_from_slice(image))?;
        } else {
            images = self.shared.buffer(indices.len() * picture);
            self.fill(indices, &mut images, |image, stream, out| {
                self.normalizer.apply(image, out);
                if let Some(augment) = &self.augment {
                    erase(&augment.erasing, out, size, stream);
                }
            })?;
        }
        let mixed = self.augment.as_ref().and_then(|augment| {
            let mut stream = batch_stream(self.seed, self.epoch, batch);
            self.shared
                .pool
                .install(|| mix(&augment.mixing, &mut images, size, &mut stream))
        });
        let source = &self.shared.source;
        Ok(Batch {
            images,
            pixels,
            mirrored,
            size,
            labels: indices.iter().map(|&index| source.label(index)).collect(),
            indices: indices.to_vec(),
            mixed,
        })
    }

    /// Makes the pictures and writes each, with what is left of its random stream, to its part of `out`. The error is
    /// that of the first picture in the batch that has one.
    fn fill<T: Send>(
        &self,
        indices: &[usize],
        out: &mut [T],
        write: impl Fn(&RgbImage, &mut Pcg64, &mut [T]) + Sync,
    ) -> Result<Vec<bool>, LoaderError> {
        let picture = out.len() / indices.len();
        let results: Vec<Result<bool, LoaderError>> = self.shared.pool.install(|| {
            let pictures = out.par_chunks_mut(picture).zip(indices.par_iter());
            pictures
                .with_max_len(1)
                .map(|(out, &index)| {
                    if self.cancelled.load(Ordering::Relaxed) {
                        return Ok(false);
                    }
                    let mut stream = sample_stream(self.seed, self.epoch, index);
                    let (image, is_to_mirror) = self.resized(index, &mut stream)?;
                    write(&image, &mut stream, out);
                    Ok(is_to_mirror)
                })
                .collect()
        });
        results.into_iter().collect()
    }

    /// Decodes, changes and resizes one picture.
    fn resized(&self, index: usize, stream: &mut Pcg64) -> Result<(RgbImage, bool), LoaderError> {
        let source: &dyn Source = &*self.shared.source;
        let image = source.load(index)?;
        let resized = match &self.augment {
            Some(augment) if self.bytes => augment.apply_but_flip(&image, &self.preprocess, stream),
            Some(augment) => augment
                .apply(&image, &self.preprocess, stream)
                .map(|image| (image, false)),
            None => resize::apply(&image, &self.preprocess).map(|image| (image, false)),
        };
        resized.map_err(|error| LoaderError::Resize {
            path: source.path(index).to_owned(),
            source: error,
        })
    }
}
