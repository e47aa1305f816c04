//! What runs a network: ONNX Runtime or candle, behind one trait.

mod candle;
mod halving;
mod ort;

pub use candle::CandleEngine;
pub use halving::{BatchLimit, Halving};
pub use ort::{
    CudaOptions, CudnnSearch, EngineError, Node, OrtEngine, Placement, PlacementError, Provider,
    SessionOptions, Source,
};

/// The most images that an engine takes at once: more does not make any machine faster. An image of 224 x 224 takes 0.6 MB as
/// float32, six batches are alive (four being decoded or waiting, two with the engine), and the network's own values
/// come to 1.5 MB an image: 5.4 GB in all.
pub const MAX_BATCH: usize = 1024;

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
    fn logits(&mut self, images: &[f32], n: usize) -> anyhow::Result<Vec<f32>>;
}
