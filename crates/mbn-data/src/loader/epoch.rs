//! The batches of one epoch, in order.
//!
//! A few builder threads make whole batches in turn, each dividing its batch's pictures among the workers of
//! the shared pool. With two of them the workers are busy with the next batch while the last pictures of one
//! are still being decoded, and batches need no reordering: builder `b` makes the batches `b`, `b + 2`, ...

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use image::RgbImage;
use mbn_spec::Preprocess;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::{Batch, LoaderConfig, LoaderError, Shared};
use crate::augment::Augment;
use crate::normalize::Normalizer;
use crate::random::sample_stream;
use crate::resize;
use crate::source::Source;

/// Threads that make batches in turn.
const BUILDERS: usize = 2;

/// The batches of one epoch, in order. After an error there are no more. Dropping it stops the work.
pub struct Epoch {
    /// One for each builder; batch `b` comes from `b % BUILDERS`.
    receivers: Vec<Receiver<Result<Batch, LoaderError>>>,
    builders: Vec<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
    next: usize,
    batches: usize,
}

/// What a builder needs to know of its epoch.
struct Plan {
    shared: Arc<Shared>,
    order: Vec<usize>,
    batch_size: usize,
    seed: u64,
    epoch: u64,
    preprocess: Preprocess,
    normalizer: Normalizer,
    bytes: bool,
    augment: Option<Augment>,
    cancelled: Arc<AtomicBool>,
}

impl Epoch {
    pub(super) fn start(shared: Arc<Shared>, config: &LoaderConfig, epoch: u64, order: Vec<usize>) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        let batches = order.len().div_ceil(config.batch_size);
        let plan = Arc::new(Plan {
            shared,
            order,
            batch_size: config.batch_size,
            seed: config.seed,
            epoch,
            preprocess: config.preprocess,
            normalizer: Normalizer::new(&config.preprocess),
            bytes: config.bytes,
            augment: config.augment.clone(),
            cancelled: Arc::clone(&cancelled),
        });
        let mut started = Self {
            receivers: Vec::new(),
            builders: Vec::new(),
            cancelled,
            next: 0,
            batches,
        };
        // A builder holds one batch beside those in its queue.
        let capacity = (config.prefetch / BUILDERS).saturating_sub(1);
        for first in 0..BUILDERS {
            let (sender, receiver) = bounded(capacity);
            started.receivers.push(receiver);
            let plan = Arc::clone(&plan);
            let builder = Builder::new().name(format!("mbn-data-batch-{first}"));
            // Without the thread its queue is closed, which the consumer takes for `Stopped`.
            if let Ok(handle) = builder.spawn(move || plan.build_every(first, &sender)) {
                started.builders.push(handle);
            }
        }
        started
    }

    fn stop(&mut self) {
        self.next = self.batches;
        self.cancelled.store(true, Ordering::Relaxed);
        self.receivers.clear();
        for builder in self.builders.drain(..) {
            // If it panicked, its message is on stderr and the consumer has got `Stopped`.
            let _ = builder.join();
        }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.batches {
            return None;
        }
        let received = self.receivers[self.next % BUILDERS].recv();
        self.next += 1;
        let result = received.unwrap_or(Err(LoaderError::Stopped));
        if result.is_err() {
            self.stop();
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the epoch early.
        (0, Some(self.batches - self.next))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Plan {
    fn build_every(&self, first: usize, sender: &Sender<Result<Batch, LoaderError>>) {
        for indices in self.order.chunks(self.batch_size).skip(first).step_by(BUILDERS) {
            let result = self.build(indices);
            let failed = result.is_err();
            if self.cancelled.load(Ordering::Relaxed) || sender.send(result).is_err() || failed {
                return;
            }
        }
    }

    /// Makes a batch.
    fn build(&self, indices: &[usize]) -> Result<Batch, LoaderError> {
        let size = self.preprocess.size;
        let picture = 3 * size * size;
        let (mut images, mut pixels) = (Vec::new(), Vec::new());
        if self.bytes {
            pixels.resize(indices.len() * picture, 0);
            self.fill(indices, &mut pixels, |image, out| out.copy_from_slice(image))?;
        } else {
            images = self.shared.buffer(indices.len() * picture);
            self.fill(indices, &mut images, |image, out| {
                self.normalizer.apply(image, out);
            })?;
        }
        let source = &self.shared.source;
        Ok(Batch {
            images,
            pixels,
            labels: indices.iter().map(|&index| source.label(index)).collect(),
            indices: indices.to_vec(),
        })
    }

    /// Makes the pictures and writes each to its part of `out`. The error is that of the first picture in the batch
    /// that has one.
    fn fill<T: Send>(
        &self,
        indices: &[usize],
        out: &mut [T],
        write: impl Fn(&RgbImage, &mut [T]) + Sync,
    ) -> Result<(), LoaderError> {
        let picture = out.len() / indices.len();
        let results: Vec<Result<(), LoaderError>> = self.shared.pool.install(|| {
            let pictures = out.par_chunks_mut(picture).zip(indices.par_iter());
            pictures
                .with_max_len(1)
                .map(|(out, &index)| {
                    if !self.cancelled.load(Ordering::Relaxed) {
                        write(&self.resized(index)?, out);
                    }
                    Ok(())
                })
                .collect()
        });
        results.into_iter().collect()
    }

    /// Decodes and resizes one picture.
    fn resized(&self, index: usize) -> Result<RgbImage, LoaderError> {
        let source: &dyn Source = &*self.shared.source;
        let image = source.load(index)?;
        let resized = match &self.augment {
            Some(augment) => {
                let mut stream = sample_stream(self.seed, self.epoch, index);
                augment.apply(&image, self.preprocess.size, &mut stream)
            }
            None => resize::apply(&image, &self.preprocess),
        };
        resized.map_err(|error| LoaderError::Resize {
            path: source.path(index).to_owned(),
            source: error,
        })
    }
}
