//! Makes any batch of an epoch, independently of the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::RgbImage;
use mbn_spec::Preprocess;
use rand_pcg::Pcg64;
use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::batch::{Batch, Unusable};
use super::config::{BadPictures, LoaderConfig, Order};
use super::error::LoaderError;
use super::part::BatchPart;
use super::second_look::can_read_others;
use crate::augment::{Augment, erase, mix};
use crate::decode::holding_memory;
use crate::image_source::ImageSource;
use crate::normalize::Normalizer;
use crate::picture::Picture;
use crate::random::{batch_stream, sample_stream, shuffled};
use crate::resize::{self, Crop, ResizeError};

/// Source and threads, which all epochs share.
pub(super) struct Shared {
    pub source: Arc<dyn ImageSource>,
    /// A pool besides rayon's global one, on which the training step computes.
    pub pool: Arc<ThreadPool>,
}

/// Everything that the batches of one epoch depend on.
pub(super) struct BatchBuilder {
    shared: Arc<Shared>,
    order: Vec<usize>,
    batch_size: usize,
    part: BatchPart,
    seed: u64,
    epoch: u64,
    preprocess: Preprocess,
    normalizer: Normalizer,
    augment: Option<Augment>,
    crops: bool,
    broken: BTreeSet<usize>,
    bad_pictures: BadPictures,
    /// Number of batches that are ready or in progress ahead of the one in use.
    pub prefetch: usize,
    /// Set when the batches are no longer needed.
    pub cancelled: AtomicBool,
}

impl BatchBuilder {
    pub fn new(config: &LoaderConfig, shared: Arc<Shared>, epoch: u64, size: usize) -> Self {
        let len = shared.source.len();
        let mut order = match config.order {
            Order::Sequential => (0..len).collect(),
            Order::Shuffled => shuffled(config.seed, epoch, len),
        };
        order.retain(|index| !config.without.contains(index));
        order.truncate(config.samples_per_epoch(len));
        let preprocess = config.preprocess.with_size(size);
        Self {
            shared,
            order,
            batch_size: config.batch_size,
            part: config.part,
            seed: config.seed,
            epoch,
            preprocess,
            normalizer: Normalizer::new(&preprocess),
            crops: config.crops && !config.augment.as_ref().is_some_and(Augment::changes_values),
            augment: config.augment.clone(),
            broken: config.broken.clone(),
            bad_pictures: config.bad_pictures,
            prefetch: config.prefetch,
            cancelled: AtomicBool::new(false),
        }
    }

    /// Makes batches with images, whatever the configuration says.
    pub fn with_images(self) -> Self {
        Self { crops: false, ..self }
    }

    /// Makes whole batches, whatever the configuration says.
    pub fn whole(self) -> Self {
        let part = BatchPart::default();
        Self { part, ..self }
    }

    /// The workers.
    pub fn pool(&self) -> &ThreadPool {
        &self.shared.pool
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Makes a batch, or its part. Returns the error of the first picture in the batch that fails, unless such pictures are skipped.
    /// A fault of the machine is always an error, and so are files that cannot be read while others cannot be read either.
    pub fn build(&self, batch: usize) -> Result<Batch, LoaderError> {
        let start = batch * self.batch_size;
        let end = self.order.len().min(start + self.batch_size);
        let is_mixed = self
            .augment
            .as_ref()
            .is_some_and(|augment| augment.mixing.is_on());
        let mut planned = self.part.of(&self.order[start..end], is_mixed);
        planned.retain(|index| !self.broken.contains(index));
        let planned = &planned[..];
        let size = self.preprocess.size;
        let picture = 3 * size * size;
        let (mut images, mut crops) = (Vec::new(), None);
        let made;
        if self.crops {
            let (good, found) = self.make(planned, planned.par_iter(), |&index| self.crop(index))?;
            (made, crops) = (found, Some(good));
        } else {
            images = vec![0.0; planned.len() * picture];
            let pictures = planned.par_iter().zip(images.par_chunks_mut(picture));
            (_, made) = self.make(planned, pictures, |(&index, out)| {
                let mut stream = self.stream(index);
                let image = self.resized(index, &mut stream)?;
                self.normalizer.apply(&image, out);
                if let Some(augment) = &self.augment {
                    erase(&augment.erasing, out, size, &mut stream);
                }
                Ok(())
            })?;
            made.close_gaps(&mut images, picture);
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
            crops,
            size,
            labels: made.indices.iter().map(|&index| source.label(index)).collect(),
            indices: made.indices,
            mixed,
            unusable: made.unusable,
        })
    }

    /// Calls `make` for each picture of a batch on the workers. Returns what it made, and the error of the first picture
    /// that fails unless such pictures are skipped.
    fn make<P: Send, T: Default + Send>(
        &self,
        planned: &[usize],
        pictures: impl IndexedParallelIterator<Item = P>,
        make: impl Fn(P) -> Result<T, LoaderError> + Sync,
    ) -> Result<(Vec<T>, Made), LoaderError> {
        let made_unless_cancelled = |picture| {
            // Nobody reads a cancelled batch.
            if self.cancelled.load(Ordering::Relaxed) {
                return Ok(T::default());
            }
            make(picture)
        };
        let results: Vec<Result<T, LoaderError>> = self
            .shared
            .pool
            .install(|| pictures.with_max_len(1).map(made_unless_cancelled).collect());
        let (mut good, mut made, mut unreadable) = (Vec::new(), Made::default(), Vec::new());
        for (place, (&index, result)) in planned.iter().zip(results).enumerate() {
            let error = match result {
                Ok(picture) => {
                    good.push(picture);
                    made.indices.push(index);
                    made.places.push(place);
                    continue;
                }
                Err(error) => error,
            };
            // It says nothing about the picture, which would be lost to the run for good.
            if error.is_of_machine() {
                return Err(error);
            }
            match (self.bad_pictures, error.of_picture(index)) {
                (BadPictures::Skip, Some(unusable)) => made.unusable.push(unusable),
                _ => return Err(error),
            }
            if error.is_io() {
                unreadable.extend(made.unusable.last().cloned());
            }
        }
        // When a disk is gone, pictures in memory are still good.
        match unreadable.first() {
            Some(first) if !self.can_read_others(&unreadable) => Err(LoaderError::Gone(first.clone())),
            _ => Ok((good, made)),
        }
    }

    /// Whether files of the epoch can be read besides those that cannot, and those that are known to be broken.
    fn can_read_others(&self, unreadable: &[Unusable]) -> bool {
        let failed = unreadable.iter().map(|picture| picture.index);
        let known: BTreeSet<usize> = failed.chain(self.broken.iter().copied()).collect();
        can_read_others(&*self.shared.source, &self.order, &known)
    }

    fn stream(&self, index: usize) -> Pcg64 {
        sample_stream(self.seed, self.epoch, index)
    }

    /// Decodes one picture, whose memory counts until it is dropped: each worker has one at a time.
    fn load(&self, index: usize) -> Result<Picture, LoaderError> {
        Ok(holding_memory(|| self.shared.source.load(index))?)
    }

    /// Decodes, augments and resizes one picture.
    fn resized(&self, index: usize, stream: &mut Pcg64) -> Result<RgbImage, LoaderError> {
        let image = self.load(index)?;
        let resized = match &self.augment {
            Some(augment) => augment.apply(&image, &self.preprocess, stream),
            None => resize::resize(&image, &self.preprocess),
        };
        resized.map_err(|error| self.resize_error(index, error))
    }

    /// Decodes one picture and takes the part that the device resizes.
    fn crop(&self, index: usize) -> Result<Crop, LoaderError> {
        let image = self.load(index)?;
        let crop = match &self.augment {
            Some(augment) => augment.crop(&image, &self.preprocess, &mut self.stream(index)),
            None => Crop::new(
                &image,
                resize::region(&image, &self.preprocess),
                self.preprocess.size,
                self.preprocess.interpolation,
            ),
        };
        crop.map_err(|error| self.resize_error(index, error))
    }

    fn resize_error(&self, index: usize, source: ResizeError) -> LoaderError {
        LoaderError::Resize {
            path: self.shared.source.path(index).to_owned(),
            source,
        }
    }
}

/// Which pictures of a batch could be made.
#[derive(Default)]
struct Made {
    /// Their indices in the source.
    indices: Vec<usize>,
    /// Their places in the planned batch.
    places: Vec<usize>,
    /// The others.
    unusable: Vec<Unusable>,
}

impl Made {
    /// Moves the pictures that could be made to the front, each of `len` values, and drops the rest.
    fn close_gaps(&self, images: &mut Vec<f32>, len: usize) {
        for (to, &from) in self.places.iter().enumerate() {
            if to != from {
                images.copy_within(from * len..(from + 1) * len, to * len);
            }
        }
        images.truncate(self.places.len() * len);
    }
}
