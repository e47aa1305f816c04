//! An engine that halves its batch until the batch fits into the device's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Engine;
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
pub struct Halving<B, E> {
    build: B,
    engine: Option<(usize, E)>,
    limit: Arc<BatchLimit>,
    description: String,
    classes: usize,
    pixel_type: PixelType,
    is_grey: bool,
    features: Option<usize>,
}

impl<E: Engine, B: FnMut(usize) -> Result<E, EngineError>> Halving<B, E> {
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
            features: None,
        };
        let facts = |engine: &mut E, _| {
            let input = (engine.pixel_type(), engine.is_grey());
            Ok((engine.describe(), (engine.classes(), engine.features()), input))
        };
        let (description, outputs, input) = halving.attempt(facts)?;
        halving.description = description;
        (halving.classes, halving.features) = outputs;
        (halving.pixel_type, halving.is_grey) = input;
        Ok(halving)
    }

    /// Calls `act` with the engine and its batch, and again with half the batch each time memory runs out.
    fn attempt<T>(
        &mut self,
        mut act: impl FnMut(&mut E, usize) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        loop {
            let batch = self.limit.get();
            let error = match self.engine(batch).and_then(|engine| act(engine, batch)) {
                Err(error) if error.is_out_of_memory() => error,
                other => return other,
            };
            // The next, smaller one needs its memory.
            self.engine = None;
            if !self.limit.lower(batch) {
                return Err(error);
            }
        }
    }

    fn engine(&mut self, batch: usize) -> Result<&mut E, EngineError> {
        let engine = match self.engine.take() {
            Some((built_for, engine)) if built_for == batch => engine,
            other => {
                drop(other);
                (self.build)(batch)?
            }
        };
        Ok(&mut self.engine.insert((batch, engine)).1)
    }

    /// Calls `run` with the engine for one part after another of `n` images that fits.
    fn in_parts(
        &mut self,
        images: Pixels<'_>,
        n: usize,
        mut run: impl FnMut(&mut E, Pixels<'_>, usize) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let image_len = images.len().checked_div(n).unwrap_or_default();
        let mut done = 0;
        while done < n {
            let start = done;
            self.attempt(|engine, batch| {
                done = n.min(start + batch);
                run(
                    engine,
                    images.range(start * image_len..done * image_len),
                    done - start,
                )
            })?;
        }
        Ok(())
    }
}

impl<E: Engine, B: FnMut(usize) -> Result<E, EngineError>> Engine for Halving<B, E> {
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
        let mut logits = Vec::with_capacity(n * self.classes);
        self.in_parts(images, n, |engine, images, n| {
            logits.extend(engine.logits(images, n)?);
            Ok(())
        })?;
        Ok(logits)
    }

    fn features(&self) -> Option<usize> {
        self.features
    }

    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        let (mut logits, mut features) = (Vec::new(), Vec::new());
        self.in_parts(images, n, |engine, images, n| {
            let found = engine.logits_and_features(images, n)?;
            logits.extend(found.0);
            features.extend(found.1);
            Ok(())
        })?;
        Ok((logits, features))
    }
}

#[cfg(test)]
mod tests;
