//! Images decoded and preprocessed on worker threads, ahead of the engine and in the order of the inputs.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mbn_data::{Normalizer, decode_file, resize};
use mbn_spec::Preprocess;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::inputs::{Input, describe};

/// Chunks that are being decoded at the same time: while one waits for its last image, the other keeps the
/// threads busy.
const PRODUCERS: usize = 2;

/// Consecutive inputs, decoded.
pub struct Chunk<'a> {
    /// The inputs.
    pub inputs: &'a [Input],
    /// For each input whether it was decoded, or why not.
    pub outcomes: Vec<Result<(), String>>,
    /// The decoded images alone, row-major `[n, 3, size, size]`, normalised.
    pub images: Images,
}

/// The values of decoded images; when they are dropped their memory serves the next.
pub struct Images {
    values: Vec<f32>,
    recycle: Option<Sender<Vec<f32>>>,
}

impl From<Vec<f32>> for Images {
    fn from(values: Vec<f32>) -> Self {
        Self {
            values,
            recycle: None,
        }
    }
}

impl Deref for Images {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        if let Some(recycle) = &self.recycle {
            // The producer of the last chunk may have ended.
            let _ = recycle.send(std::mem::take(&mut self.values));
        }
    }
}

/// Time that the workers spent, summed over the threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerTimes {
    /// Reading and decoding files.
    pub decode: Duration,
    /// Resizing and normalising.
    pub preprocess: Duration,
}

/// How inputs are read.
pub struct Pipeline {
    pool: ThreadPool,
    preprocess: Preprocess,
    normalizer: Normalizer,
    chunk_len: usize,
    decode_nanos: AtomicU64,
    preprocess_nanos: AtomicU64,
}

struct Decoded {
    outcomes: Vec<Result<(), String>>,
    images: Vec<f32>,
}

impl Pipeline {
    /// A pipeline on `threads` threads of its own, whose chunks hold whole batches where all files are good.
    ///
    /// # Errors
    /// The system has no threads to give.
    pub fn new(preprocess: Preprocess, batch: usize, threads: usize) -> Result<Self> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("decode-{i}"))
            .build()
            .with_context(|| format!("cannot start {threads} threads"))?;
        Ok(Self {
            pool,
            preprocess,
            normalizer: Normalizer::new(&preprocess),
            // Enough for each thread, however small the batch.
            chunk_len: batch * (2 * threads).div_ceil(batch),
            decode_nanos: AtomicU64::new(0),
            preprocess_nanos: AtomicU64::new(0),
        })
    }

    /// Gives all inputs to `consume`, chunk by chunk and in order. Memory stays the same for any number, if `consume`
    /// keeps a few chunks at most.
    ///
    /// # Errors
    /// The first error of `consume`, after which nothing more is decoded.
    pub fn run<'a>(
        &self,
        inputs: &'a [Input],
        mut consume: impl FnMut(Chunk<'a>) -> Result<()>,
    ) -> Result<()> {
        let chunks: Vec<_> = inputs.chunks(self.chunk_len).collect();
        thread::scope(|scope| {
            let mut lanes = Vec::new();
            for lane in 0..PRODUCERS {
                let (full, decoded) = sync_channel(1);
                let (recycle, empty) = channel();
                let chunks = chunks.iter().skip(lane).step_by(PRODUCERS);
                scope.spawn(move || self.produce(chunks, &full, &empty));
                lanes.push((decoded, recycle));
            }
            // When this closure returns the lanes close, and with them the producers end.
            let lanes = lanes;
            for (i, inputs) in chunks.iter().enumerate() {
                let (decoded, recycle): &(Receiver<Decoded>, Sender<Vec<f32>>) = &lanes[i % PRODUCERS];
                let mut decoded = decoded.recv().context("a worker thread ended early")?;
                let n = decoded.outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                decoded.images.truncate(n * self.image_len());
                consume(Chunk {
                    inputs,
                    outcomes: decoded.outcomes,
                    images: Images {
                        values: decoded.images,
                        recycle: Some(recycle.clone()),
                    },
                })?;
            }
            Ok(())
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

    fn image_len(&self) -> usize {
        3 * self.preprocess.size * self.preprocess.size
    }

    fn produce<'a>(
        &self,
        chunks: impl Iterator<Item = &'a &'a [Input]>,
        full: &SyncSender<Decoded>,
        empty: &Receiver<Vec<f32>>,
    ) {
        for inputs in chunks {
            let images = empty.try_recv().unwrap_or_default();
            if full.send(self.decode_chunk(inputs, images)).is_err() {
                return;
            }
        }
    }

    fn decode_chunk(&self, inputs: &[Input], mut images: Vec<f32>) -> Decoded {
        let len = self.image_len();
        images.resize(inputs.len() * len, 0.0);
        let outcomes: Vec<_> = self.pool.install(|| {
            let slots = inputs.par_iter().zip(images.par_chunks_mut(len)).with_max_len(1);
            slots.map(|(input, slot)| self.decode(input, slot)).collect()
        });
        close_gaps(&mut images, len, &outcomes);
        Decoded { outcomes, images }
    }

    fn decode(&self, input: &Input, slot: &mut [f32]) -> Result<(), String> {
        if let Some(problem) = &input.problem {
            return Err(problem.clone());
        }
        let start = Instant::now();
        let image = decode_file(&input.path);
        let decoded = Instant::now();
        add(&self.decode_nanos, decoded - start);
        let image = image.map_err(|error| describe(&error.kind))?;
        let resized = resize(&image, &self.preprocess).map_err(|error| describe(&error))?;
        self.normalizer.apply(&resized, slot);
        add(&self.preprocess_nanos, decoded.elapsed());
        Ok(())
    }
}

fn add(nanos: &AtomicU64, time: Duration) {
    nanos.fetch_add(
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        Ordering::Relaxed,
    );
}

/// Moves the decoded images to the front.
fn close_gaps(images: &mut [f32], len: usize, outcomes: &[Result<(), String>]) {
    let decoded = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok());
    for (to, (from, _)) in decoded.enumerate() {
        if from != to {
            images.copy_within(from * len..(from + 1) * len, to * len);
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn solid_images(folder: &std::path::Path, n: u8) -> Vec<Input> {
        let save = |i: u8| {
            let path = folder.join(format!("{i}.png"));
            image::RgbImage::from_pixel(5, 7, image::Rgb([i, i, i]))
                .save(&path)
                .unwrap();
            Input {
                path,
                class: None,
                problem: None,
            }
        };
        (0..n).map(save).collect()
    }

    fn pipeline(batch: usize) -> Pipeline {
        let preprocess = Preprocess {
            size: 32,
            mean: [0.0; 3],
            std: [1.0; 3],
            ..Preprocess::default()
        };
        Pipeline::new(preprocess, batch, 2).unwrap()
    }

    #[test]
    fn order_is_kept_and_gaps_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = solid_images(folder.path(), 23);
        inputs[0].problem = Some("no such file".into());
        std::fs::write(&inputs[10].path, b"a text").unwrap();
        for batch in [1, 3, 64] {
            let (mut found, mut failed, mut next) = (Vec::new(), Vec::new(), 0);
            let pipeline = pipeline(batch);
            pipeline
                .run(&inputs, |chunk| {
                    for (input, outcome) in chunk.inputs.iter().zip(&chunk.outcomes) {
                        assert_eq!(input.path, inputs[next].path);
                        if let Err(message) = outcome {
                            failed.push((next, message.clone()));
                        }
                        next += 1;
                    }
                    let values = chunk
                        .images
                        .chunks(3 * 32 * 32)
                        .map(|image| (image[40] * 255.0).round());
                    found.extend(values);
                    Ok(())
                })
                .unwrap();
            let good = (0..23).filter(|i| ![0, 10].contains(i));
            assert_eq!(found, good.map(|i| i as f32).collect::<Vec<_>>(), "batch {batch}");
            assert_eq!(failed[0], (0, "no such file".to_owned()));
            assert_eq!((failed.len(), failed[1].0), (2, 10));
            assert!(pipeline.times().decode > Duration::ZERO);
        }
    }

    #[test]
    fn an_error_of_the_consumer_ends_the_workers() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = solid_images(folder.path(), 40);
        let mut calls = 0;
        let result = pipeline(2).run(&inputs, |_| {
            calls += 1;
            if calls == 2 { bail!("enough") } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().to_string(), "enough");
        assert_eq!(calls, 2);
    }

    #[test]
    fn no_inputs_are_no_chunks() {
        pipeline(4).run(&[], |_| bail!("called")).unwrap();
    }
}
