//! A network in its engines.

use mbn_engine::engine::{Engine, Provider};
use mbn_engine::lanes::{Build, Lanes};

/// A network in its engines.
pub(super) struct Loaded {
    pub(super) lanes: Lanes,
    /// Images that an engine takes at once.
    pub(super) batch: usize,
    /// Height and width of the input, if the model fixes them.
    pub(super) input_size: Option<usize>,
    /// The outputs are probabilities instead of logits.
    pub(super) probabilities: bool,
    /// What runs the network in ONNX Runtime.
    pub(super) provider: Provider,
    pub(super) on_cuda: bool,
}

/// Hands over an engine that exists already.
pub(super) fn built(engine: impl Engine + Send + 'static) -> Build {
    Box::new(|| Ok(Box::new(engine)))
}
