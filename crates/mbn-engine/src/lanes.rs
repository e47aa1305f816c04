//! Engines on threads of their own, so that batches are in flight while the program reads and writes others.
//!
//! On a CUDA device two lanes overlap: one copies its batch while the network runs on the other's.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::images::{Images, PixelType};

/// Builds an engine on the thread that will use it: a CUDA graph belongs to the thread that recorded it.
pub type Build = Box<dyn FnOnce() -> Result<Box<dyn Engine>, EngineError> + Send>;

/// Engines that take batches in turn.
pub struct Lanes {
    lanes: VecDeque<Lane>,
    facts: Facts,
    with_features: bool,
}

/// What all engines have in common.
struct Facts {
    description: String,
    classes: usize,
    pixel_type: PixelType,
    is_grey: bool,
    features: Option<usize>,
}

struct Lane {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    images: Arc<Images>,
    values: Range<usize>,
    n: usize,
    with_features: bool,
    done: Sender<Done>,
}

/// A batch that an engine has taken.
pub struct Batch {
    done: Receiver<Done>,
    values: Range<usize>,
    n: usize,
}

/// What became of a batch.
pub struct Done {
    /// Row-major `[n, classes]`.
    pub logits: Result<Vec<f32>, EngineError>,
    /// Row-major `[n, features]`; empty unless they are wanted.
    pub features: Vec<f32>,
    /// Time that the engine took.
    pub elapsed: Duration,
}

impl Lanes {
    /// Starts the engines one after another.
    ///
    /// # Errors
    /// The error of the first engine that cannot be built.
    pub fn start(builds: impl IntoIterator<Item = Build>) -> Result<Self, EngineError> {
        let (mut lanes, mut facts) = (VecDeque::new(), None);
        for (i, build) in builds.into_iter().enumerate() {
            let (jobs, queue) = channel();
            let (ready, started) = channel();
            let thread = thread::Builder::new()
                .name(format!("engine-{i}"))
                .spawn(move || run(build, &ready, &queue))
                .map_err(EngineError::Thread)?;
            lanes.push_back(Lane {
                jobs: Some(jobs),
                thread: Some(thread),
            });
            facts = Some(started.recv().map_err(|_| EngineError::ThreadEnded)??);
        }
        let facts = facts.ok_or(EngineError::NoEngine)?;
        Ok(Self {
            lanes,
            facts,
            with_features: false,
        })
    }

    /// As [`Engine::describe`].
    pub fn describe(&self) -> &str {
        &self.facts.description
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.facts.classes
    }

    /// What the engines take.
    pub fn pixel_type(&self) -> PixelType {
        self.facts.pixel_type
    }

    /// As [`Engine::is_grey`].
    pub fn is_grey(&self) -> bool {
        self.facts.is_grey
    }

    /// As [`Engine::features`].
    pub fn features(&self) -> Option<usize> {
        self.facts.features
    }

    /// The same; the engines give features beside the logits if they are `wanted`.
    #[must_use]
    pub fn with_features(mut self, wanted: bool) -> Self {
        self.with_features = wanted;
        self
    }

    /// Number of engines.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Gives `n` images, the range `values` of `images`, to the next engine, which works in the background.
    pub fn submit(&mut self, images: &Arc<Images>, values: Range<usize>, n: usize) -> Batch {
        let (sender, done) = channel();
        self.lanes.rotate_left(1);
        if let Some(jobs) = self.lanes.back().and_then(|lane| lane.jobs.as_ref()) {
            // If its thread has ended, `Batch::wait` reports it.
            let _ = jobs.send(Job {
                images: images.clone(),
                values: values.clone(),
                n,
                with_features: self.with_features,
                done: sender,
            });
        }
        Batch { done, values, n }
    }
}

impl Batch {
    /// Waits for the engine.
    pub fn wait(&self) -> Done {
        self.done.recv().unwrap_or_else(|_| Done {
            logits: Err(EngineError::ThreadEnded),
            features: Vec::new(),
            elapsed: Duration::ZERO,
        })
    }

    /// The range of its images' values.
    pub fn values(&self) -> Range<usize> {
        self.values.clone()
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether it has no image.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }
}

impl Drop for Lanes {
    /// Ends the engines together, so that they are waited for together.
    fn drop(&mut self) {
        for lane in &mut self.lanes {
            lane.jobs = None;
        }
    }
}

impl Drop for Lane {
    /// Waits for the engine, also where a later one cannot be built: a program that ends while a device computes for it can crash on
    /// the way out.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(build: Build, ready: &Sender<Result<Facts, EngineError>>, queue: &Receiver<Job>) {
    let mut engine = match build() {
        Ok(engine) => engine,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(Facts {
        description: engine.describe(),
        classes: engine.classes(),
        pixel_type: engine.pixel_type(),
        is_grey: engine.is_grey(),
        features: engine.features(),
    }));
    for job in queue {
        let start = Instant::now();
        let pixels = job.images.pixels().range(job.values);
        let found = match job.with_features {
            true => engine.logits_and_features(pixels, job.n),
            false => engine.logits(pixels, job.n).map(|logits| (logits, Vec::new())),
        };
        let elapsed = start.elapsed();
        let (logits, features) = match found {
            Ok((logits, features)) => (Ok(logits), features),
            Err(error) => (Err(error), Vec::new()),
        };
        // Nobody waits for a batch after an error.
        let _ = job.done.send(Done {
            logits,
            features,
            elapsed,
        });
    }
}

#[cfg(test)]
mod tests;
