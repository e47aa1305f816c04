//! What runs a network: ONNX Runtime or candle, behind one trait.

mod candle;
mod halving;
mod ort;

pub use candle::CandleEngine;
pub use halving::{BatchLimit, Halving};
pub use ort::{CudaOptions, CudnnSearch, ModelSource, OrtEngine, Provider, SessionOptions};

use crate::error::EngineError;

/// A loaded network that turns pictures into logits.
pub trait Engine {
    /// The engine, its version and what it runs on, for a person to read.
    fn describe(&self) -> String;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// Logits, row-major `[n, classes]`, of `images`, row-major `[n, 3, size, size]`: RGB, normalised as the
    /// model's `Preprocess` says.
    ///
    /// # Errors
    /// `images` does not hold `n` pictures of the network's size, or the engine fails.
    fn logits(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>, EngineError>;
}
