//! An engine that halves its batch until the batch fits into the device's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Engine;
use crate::cuda::CudaError;
use crate::error::EngineError;
use crate::images::{PixelType, Pixels};

/// The largest batch that may fit into the device's memory. Engines on one device share it.
#[derive(Debug)]
pub struct BatchLimit(AtomicUsize);

impl BatchLimit {
    /// Starts at `batch`, or at 1 if that is 0.
    pub fn new(batch: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(batch.max(1))))
    }

    /// The limit.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Halves and logs the limit after `batch` did not fit, unless another engine has done so. `false` if `batch` was 1.
    fn lower(&self, batch: usize) -> bool {
        let half = batch / 2;
        let lowered = half > 0
            && self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |limit| {
                    (limit >= batch).then_some(half)
                })
                .is_ok();
        if lowered {
            log::warn!("the device's memory does not hold a batch of {batch}: continuing with {half}");
        }
        half > 0
    }
}

/// An engine made by `build` for a batch, and made again for half of it when the device's memory runs out.
pub struct Halving<B> {
    build: B,
    engine: Option<(usize, Box<dyn Engine>)>,
    limit: Arc<BatchLimit>,
    description: String,
    classes: usize,
    pixel_type: PixelType,
    is_grey: bool,
}

impl<B: FnMut(usize) -> Result<Box<dyn Engine>, EngineError>> Halving<B> {
    /// Makes the engine for the largest batch up to `limit` for which it can be made.
    ///
    /// # Errors
    /// Any error of `build`; out of memory only if a batch of one does not fit.
    pub fn start(limit: Arc<BatchLimit>, build: B) -> Result<Self, EngineError> {
        let mut halving = Self {
            build,
            engine: None,
            limit,
            description: String::new(),
            classes: 0,
            pixel_type: PixelType::Float,
            is_grey: false,
        };
        let facts = |engine: &mut dyn Engine, _| {
            let input = (engine.pixel_type(), engine.is_grey());
            Ok((engine.describe(), engine.classes(), input))
        };
        let (description, classes, input) = halving.attempt(facts)?;
        (halving.description, halving.classes) = (description, classes);
        (halving.pixel_type, halving.is_grey) = input;
        Ok(halving)
    }

    /// Calls `act` with the engine and its batch, and again with half the batch each time memory runs out.
    fn attempt<T>(
        &mut self,
        mut act: impl FnMut(&mut dyn Engine, usize) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        loop {
            let batch = self.limit.get();
            let error = match self.engine(batch).and_then(|engine| act(engine, batch)) {
                Err(error) if is_out_of_memory(&error) => error,
                other => return other,
            };
            // The next, smaller one needs its memory.
            self.engine = None;
            if !self.limit.lower(batch) {
                return Err(error);
            }
        }
    }

    fn engine(&mut self, batch: usize) -> Result<&mut dyn Engine, EngineError> {
        let engine = match self.engine.take() {
            Some((built_for, engine)) if built_for == batch => engine,
            other => {
                drop(other);
                (self.build)(batch)?
            }
        };
        Ok(self.engine.insert((batch, engine)).1.as_mut())
    }
}

impl<B: FnMut(usize) -> Result<Box<dyn Engine>, EngineError>> Engine for Halving<B> {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    fn is_grey(&self) -> bool {
        self.is_grey
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        let image_len = images.len().checked_div(n).unwrap_or_default();
        let (mut logits, mut done) = (Vec::with_capacity(n * self.classes), 0);
        while done < n {
            let start = done;
            logits.extend(self.attempt(|engine, batch| {
                done = n.min(start + batch);
                engine.logits(images.range(start * image_len..done * image_len), done - start)
            })?);
        }
        Ok(logits)
    }
}

fn is_out_of_memory(error: &EngineError) -> bool {
    error.cuda().is_some_and(CudaError::is_out_of_memory)
}

#[cfg(test)]
mod tests;
