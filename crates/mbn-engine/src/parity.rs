//! The check of an engine's outputs against candle's.

mod comparison;
mod differences;
mod tolerance;

use std::fmt;

use mbn_spec::text::counted;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::images::Pixels;

use comparison::require_sizes;
pub use comparison::{Comparison, ParityError};
pub use differences::Differences;
pub use tolerance::Tolerance;

/// Images that candle computes at once. The engine that is checked takes most of a device's memory for its larger batches.
const AT_ONCE: usize = 16;

/// Compares an engine's outputs with candle's on the same images.
pub struct Parity {
    candle: Candle,
    comparison: Comparison,
}

/// Makes candle's engine.
type Build = Box<dyn FnOnce() -> Result<Box<dyn Engine + Send>, EngineError> + Send>;

/// candle's engine, which is made when it is first needed.
enum Candle {
    Ready(Box<dyn Engine + Send>),
    Later(Option<Build>),
}

impl Candle {
    fn engine(&mut self) -> Result<&mut dyn Engine, EngineError> {
        if let Self::Later(build) = self {
            let build = build.take().ok_or(EngineError::NoEngine)?;
            *self = Self::Ready(build()?);
        }
        match self {
            Self::Ready(engine) => Ok(engine.as_mut()),
            Self::Later(_) => Err(EngineError::NoEngine),
        }
    }
}

impl Parity {
    /// A check against `candle` of an engine that gives logits, or `probabilities`.
    pub fn new(candle: impl Engine + Send + 'static, tolerance: Tolerance, probabilities: bool) -> Self {
        Self::against(Candle::Ready(Box::new(candle)), tolerance, probabilities)
    }

    /// As [`Parity::new`], against the engine that `build` makes for the first comparison.
    pub fn later<E: Engine + Send + 'static>(
        build: impl FnOnce() -> Result<E, EngineError> + Send + 'static,
        tolerance: Tolerance,
        probabilities: bool,
    ) -> Self {
        let build: Build = Box::new(|| Ok(Box::new(build()?)));
        Self::against(Candle::Later(Some(build)), tolerance, probabilities)
    }

    fn against(candle: Candle, tolerance: Tolerance, probabilities: bool) -> Self {
        Self {
            candle,
            comparison: Comparison::new(tolerance, probabilities),
        }
    }

    /// Compares the outputs `found` for `n` images, row-major `[n, 3, size, size]` and normalised.
    ///
    /// # Errors
    /// candle fails, cannot be made, or has another number of classes.
    pub fn compare(&mut self, images: &[f32], n: usize, found: &[f32]) -> Result<(), ParityError> {
        let candle = self.candle.engine()?;
        let classes = candle.classes();
        require_sizes(n, found.len(), n * classes)?;
        let values = images.len().checked_div(n).unwrap_or_default();
        for start in (0..n).step_by(AT_ONCE) {
            let end = n.min(start + AT_ONCE);
            let images = Pixels::Float(&images[start * values..end * values]);
            let expected = candle.logits(images, end - start)?;
            let found = &found[start * classes..end * classes];
            self.comparison.add(end - start, found, &expected)?;
        }
        Ok(())
    }

    /// Whether the outputs compared so far are within the tolerance.
    pub fn passed(&self) -> bool {
        self.comparison.passed()
    }

    /// How far the outputs are apart.
    pub fn differences(&self) -> &Differences {
        self.comparison.differences()
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differences = self.differences();
        let Differences {
            images,
            same_class,
            largest,
            ..
        } = differences;
        let (mean, allowed) = (differences.mean(), self.comparison.allowed());
        let what = if self.comparison.probabilities {
            "log-probabilities"
        } else {
            "logits"
        };
        write!(
            f,
            "{what} differ from candle's by {largest:.1e} at most, {mean:.1e} on average (tolerance {allowed:.1e}); \
             the first class agrees on {same_class} of {}",
            counted(*images, "image")
        )?;
        match self.comparison.failure() {
            Some(failure) => write!(f, " ({failure})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{CandleEngine, Provider};
    use crate::precision::ModelPrecision;

    #[test]
    fn an_engine_is_compared_with_candle_on_the_same_images() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/mobilenet_v1_0.25.safetensors"
        );
        let weights = mbn_weights::Weights::load(path.as_ref()).unwrap().fold();
        let candle = || CandleEngine::new(&weights).unwrap();
        let images: Vec<f32> = (0..2 * 3 * 32 * 32)
            .map(|i| ((i * 31 + i / 1000) % 97) as f32 / 50.0 - 1.0)
            .collect();
        let found = candle().logits(Pixels::Float(&images), 2).unwrap();
        let tolerance = Tolerance::of(ModelPrecision::Float32, &Provider::Cpu);
        let mut parity = Parity::new(candle(), tolerance, false);
        parity.compare(&images, 2, &found).unwrap();
        assert!(parity.passed(), "{parity}");
        assert!(
            parity.to_string().ends_with("agrees on 2 of 2 images"),
            "{parity}"
        );
        assert!(parity.compare(&images, 2, &found[..3]).is_err());
        let (head, tail) = found.split_at(found.len() / 2);
        parity.compare(&images, 2, &[tail, head].concat()).unwrap();
        assert!(!parity.passed(), "{parity}");
        assert!(
            parity
                .to_string()
                .ends_with("(the largest difference is above the tolerance)"),
            "{parity}"
        );
        // More images than candle computes at once, of which the last has another one's outputs.
        let n = AT_ONCE + 3;
        let many: Vec<f32> = images.iter().copied().cycle().take(n * 3 * 32 * 32).collect();
        let found_of_many: Vec<f32> = found.iter().copied().cycle().take(n * found.len() / 2).collect();
        let mut parity = Parity::new(candle(), tolerance, false);
        parity.compare(&many, n, &found_of_many).unwrap();
        assert!(parity.passed() && parity.differences().images == n, "{parity}");
        let wrong = [&found_of_many[..(n - 1) * found.len() / 2], tail].concat();
        parity.compare(&many, n, &wrong).unwrap();
        assert!(!parity.passed(), "{parity}");
        // The same with an engine that is made when it is needed, and once.
        let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (counted, of) = (made.clone(), weights.clone());
        let build = move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            CandleEngine::new(&of)
        };
        let mut later = Parity::later(build, tolerance, false);
        assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 0);
        for _ in 0..2 {
            later.compare(&images, 2, &found).unwrap();
        }
        assert!(later.passed() && made.load(std::sync::atomic::Ordering::Relaxed) == 1);
        let mut failing = Parity::later(|| Err::<CandleEngine, _>(EngineError::NoEngine), tolerance, false);
        assert!(failing.compare(&images, 2, &found).is_err());
    }
}
