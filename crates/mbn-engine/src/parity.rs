//! The check of an engine's outputs against candle's.

mod comparison;
mod differences;
mod tolerance;

use std::fmt;

use mbn_spec::text::counted;

use crate::engine::Engine;
use crate::images::Pixels;

use comparison::require_sizes;
pub use comparison::{Comparison, ParityError};
pub use differences::Differences;
pub use tolerance::Tolerance;

/// Compares an engine's outputs with candle's on the same images.
pub struct Parity {
    candle: Box<dyn Engine + Send>,
    comparison: Comparison,
}

impl Parity {
    /// A check against `candle` of an engine that gives logits, or `probabilities`.
    pub fn new(candle: impl Engine + Send + 'static, tolerance: Tolerance, probabilities: bool) -> Self {
        Self {
            candle: Box::new(candle),
            comparison: Comparison::new(tolerance, probabilities),
        }
    }

    /// Compares the outputs `found` for `n` images, row-major `[n, 3, size, size]` and normalised.
    ///
    /// # Errors
    /// candle fails, or has another number of classes.
    pub fn compare(&mut self, images: &[f32], n: usize, found: &[f32]) -> Result<(), ParityError> {
        require_sizes(n, found.len(), n * self.candle.classes())?;
        let expected = self.candle.logits(Pixels::Float(images), n)?;
        self.comparison.add(n, found, &expected)
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
        )
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
    }
}
