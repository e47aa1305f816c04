//! What runs a network: ONNX Runtime or candle, behind one trait.

mod candle;
mod halving;
mod integers;
mod ort;

use crate::error::EngineError;
use crate::images::{PixelType, Pixels};

pub use candle::CandleEngine;
pub use halving::{BatchLimit, Halving};
pub use integers::IntegerEngine;
pub(crate) use ort::start;
pub use ort::{CudaOptions, CudnnSearch, ModelSource, OrtEngine, Provider, Reading, SessionOptions};

/// A loaded network that turns pictures into logits.
pub trait Engine {
    /// The engine, its version and what it runs on, for a person to read.
    fn describe(&self) -> String;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// What [`Engine::logits`] takes.
    fn pixel_type(&self) -> PixelType;

    /// The network takes one channel, of which it is given the first: red, which is as grey as the others where the caller makes
    /// pictures grey.
    fn is_grey(&self) -> bool;

    /// Logits, row-major `[n, classes]`, of `n` images.
    ///
    /// # Errors
    /// `images` does not hold `n` pictures of the network's size and type, or the engine fails.
    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError>;

    /// Number of pooled features of an image, if the engine can give them.
    fn features(&self) -> Option<usize> {
        None
    }

    /// Logits as [`Engine::logits`], and pooled features, row-major `[n, features]`.
    ///
    /// # Errors
    /// As [`Engine::logits`]; the engine gives no features.
    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        let _ = (images, n);
        Err(EngineError::NoFeatures)
    }
}

impl<E: Engine + ?Sized> Engine for Box<E> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn classes(&self) -> usize {
        (**self).classes()
    }

    fn pixel_type(&self) -> PixelType {
        (**self).pixel_type()
    }

    fn is_grey(&self) -> bool {
        (**self).is_grey()
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        (**self).logits(images, n)
    }

    fn features(&self) -> Option<usize> {
        (**self).features()
    }

    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        (**self).logits_and_features(images, n)
    }
}
