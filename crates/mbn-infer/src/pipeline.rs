//! Images decoded and preprocessed on worker threads, ahead of the engine and in the order of the inputs.

mod decode;
mod whole;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::Duration;

use anyhow::{Result, bail};
use image::RgbImage;
use mbn_data::{DecodeOptions, DecodeWarning, Normalizer, ResizeError, resize, resize_exactly};
use mbn_engine::images::{Images, PixelBuffer, PixelType};
use mbn_spec::Preprocess;

use crate::failure::Failure;
use crate::feed::{Feed, Taken};
use crate::inputs::Input;

use decode::Decoded;
use whole::WholePictures;

pub use whole::Held;

/// Chunks that are decoded or being decoded ahead of the one in use: while one waits for its last image, another keeps the
/// threads busy.
const AHEAD: usize = 3;

/// The least capacity of a [`Feed`]: so many downloads are in progress at once.
const DOWNLOADS: usize = 32;

/// How long the pipeline waits before it tells its consumer, who may have been asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What was found in an input besides the network's pixels, or why it was not decoded.
pub type Outcome = Result<Found, Failure>;

/// What was found in an input besides the network's pixels.
#[derive(Debug, Default)]
pub struct Found {
    /// It was decoded at a fraction of its size.
    pub is_reduced: bool,
    /// What is odd about the file.
    pub warning: Option<DecodeWarning>,
    /// A small JPEG copy, if those are wanted.
    pub thumbnail: Option<Vec<u8>>,
}

/// What the pipeline tells its consumer.
pub enum Event {
    /// The next inputs are decoded.
    Chunk(Chunk),
    /// Nothing is being decoded, and it is not known when there will be more inputs: whoever names them may wait for the results.
    Idle,
    /// Some time has passed without a chunk.
    Waiting,
}

/// Consecutive inputs, decoded.
pub struct Chunk {
    /// The inputs.
    pub inputs: Vec<Input>,
    /// One for each input.
    pub outcomes: Vec<Outcome>,
    /// The decoded images alone.
    pub images: Images,
    /// The memory of whole pictures, which counts until this is dropped.
    pub held: Held,
}

/// Time that the workers spent, summed over the threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerTimes {
    /// Reading and decoding files.
    pub decode: Duration,
    /// Resizing and normalising.
    pub preprocess: Duration,
}

type Resizing = fn(&RgbImage, &Preprocess) -> Result<RgbImage, ResizeError>;

/// How inputs are read.
pub struct Pipeline {
    preprocess: Preprocess,
    options: DecodeOptions,
    pixel_type: PixelType,
    normalizer: Normalizer,
    resize: Resizing,
    is_grey: bool,
    chunk_len: usize,
    whole_pictures: WholePictures,
    /// What is not decoded yet need not be.
    is_stopped: AtomicBool,
    thumbnails: AtomicBool,
    decode_nanos: AtomicU64,
    preprocess_nanos: AtomicU64,
}

impl Pipeline {
    /// A pipeline on rayon's threads, of which there are `threads`. Its chunks hold whole batches if all files can be
    /// decoded. Its images are normalised if the network takes floats, else they are the bytes that resizing gives. Files are
    /// decoded as `options` say.
    pub fn new(
        preprocess: Preprocess,
        options: DecodeOptions,
        pixel_type: PixelType,
        batch: usize,
        threads: usize,
    ) -> Self {
        Self {
            preprocess,
            options,
            pixel_type,
            normalizer: Normalizer::new(&preprocess),
            resize,
            is_grey: false,
            // Enough for each thread, however small the batch.
            chunk_len: batch * (2 * threads).div_ceil(batch),
            whole_pictures: WholePictures::new(threads),
            is_stopped: AtomicBool::new(false),
            thumbnails: AtomicBool::new(false),
            decode_nanos: AtomicU64::new(0),
            preprocess_nanos: AtomicU64::new(0),
        }
    }

    /// The same with pictures that have the pixels that other libraries would give the network.
    #[must_use]
    pub fn exactly(self) -> Self {
        Self {
            resize: resize_exactly,
            ..self
        }
    }

    /// The same with pictures that are made grey before they are resized.
    #[must_use]
    pub fn grey(self) -> Self {
        Self {
            is_grey: true,
            ..self
        }
    }

    /// Makes thumbnails, as `html` wants them, from now on or no more.
    pub fn want_thumbnails(&self, wanted: bool) {
        self.thumbnails.store(wanted, Ordering::Relaxed);
    }

    /// Inputs that should wait for the pipeline, so that it never waits for those that are at hand.
    pub fn capacity(&self) -> usize {
        (2 * self.chunk_len).max(DOWNLOADS)
    }

    /// Gives all inputs to `consume`, chunk by chunk and in order. A chunk is as long as the threads want it, or as many inputs as
    /// there are while whoever names them makes the pipeline wait. Memory use does not grow with their number, provided that
    /// `consume` keeps only a few chunks. A chunk of whole pictures is shorter if they are large.
    ///
    /// # Errors
    /// The first error of `consume`, after which nothing more is decoded; that of `feed`, after the inputs before it.
    pub fn run(&self, feed: &Feed, mut consume: impl FnMut(Event) -> Result<()>) -> Result<()> {
        let (recycle, empty) = channel();
        // The threads that decode also wait for nothing but decoding, so that no further threads are needed.
        rayon::in_place_scope(|scope| {
            self.is_stopped.store(false, Ordering::Relaxed);
            let _stop = StopOnDrop(&self.is_stopped);
            let begin = |inputs: Vec<Input>, is_awaited: bool| {
                let images = empty.try_recv();
                let images = images.unwrap_or_else(|_| PixelBuffer::zeros(self.pixel_type, 0));
                let (done, decoded) = sync_channel(1);
                let decode = move || {
                    let result = self.decode_chunk(&inputs, images);
                    // Nobody waits for it after an error.
                    let _ = done.send((inputs, result));
                };
                // Two threads take longer to wake up than one image to decode.
                match is_awaited {
                    true => decode(),
                    false => scope.spawn(move |_| decode()),
                }
                decoded
            };
            let mut decoding = VecDeque::new();
            let mut patience = Duration::ZERO;
            let (mut has_ended, mut failure) = (false, None);
            loop {
                let has_room = |decoding: &VecDeque<_>| {
                    decoding.is_empty() || (decoding.len() < AHEAD && !self.whole_pictures.are_many())
                };
                while !has_ended && has_room(&decoding) {
                    let taken = feed.take(self.chunk_len, patience);
                    match taken.unwrap_or_else(|error| {
                        failure = Some(error);
                        Taken::End
                    }) {
                        Taken::Inputs(inputs) => {
                            let is_awaited = decoding.is_empty() && !patience.is_zero() && inputs.len() == 1;
                            decoding.push_back(begin(inputs, is_awaited));
                        }
                        Taken::End => has_ended = true,
                        Taken::Nothing if decoding.is_empty() => {
                            consume(Event::Idle)?;
                            patience = PATIENCE;
                        }
                        Taken::Nothing => break,
                    }
                    if !decoding.is_empty() {
                        patience = Duration::ZERO;
                    }
                }
                let Some(decoded) = decoding.pop_front() else {
                    // What was found before a failure counts.
                    consume(Event::Idle)?;
                    return failure.map_or(Ok(()), Err);
                };
                let (mut inputs, decoded) = wait(&decoded, &mut consume)?;
                let Decoded {
                    outcomes,
                    mut images,
                    held,
                } = decoded;
                let rest = inputs.split_off(outcomes.len());
                if !rest.is_empty() {
                    decoding.push_front(begin(rest, false));
                }
                let n = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                images.resize(n * self.image_len());
                consume(Event::Chunk(Chunk {
                    inputs,
                    outcomes,
                    images: match images {
                        // Nothing of them can be used again.
                        PixelBuffer::Pictures(_) => images.into(),
                        _ => Images::recycled(images, recycle.clone()),
                    },
                    held,
                }))?;
            }
        })
    }

    /// Time spent so far.
    pub fn times(&self) -> WorkerTimes {
        let read = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        WorkerTimes {
            decode: read(&self.decode_nanos),
            preprocess: read(&self.preprocess_nanos),
        }
    }
}

/// Waits for a worker, and tells the consumer several times a second.
fn wait<T>(worker: &Receiver<T>, mut consume: impl FnMut(Event) -> Result<()>) -> Result<T> {
    loop {
        match worker.recv_timeout(PATIENCE) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => consume(Event::Waiting)?,
            Err(RecvTimeoutError::Disconnected) => bail!("a worker thread ended early"),
        }
    }
}

/// Tells the workers to stop, whatever ends the pipeline.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
