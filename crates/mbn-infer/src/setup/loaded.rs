//! A network in its engines.

use mbn_engine::engine::{Engine, Provider};
use mbn_engine::images::PixelType;
use mbn_engine::lanes::{Build, Lanes};
use mbn_onnx::foreign::Ending;
use mbn_spec::Preprocess;

/// A network in its engines.
pub(super) struct Loaded {
    pub(super) lanes: Lanes,
    /// Images that an engine takes at once.
    pub(super) batch: usize,
    /// Height and width of the input, if the model fixes them.
    pub(super) input_size: Option<usize>,
    /// Name of the output.
    pub(super) output: String,
    /// What makes the output.
    pub(super) ending: Ending,
    /// The output is the hundredfold of what `ending` says.
    pub(super) in_per_cent: bool,
    /// What runs the network in ONNX Runtime.
    pub(super) provider: Provider,
    pub(super) on_cuda: bool,
    /// The hash of the weights that candle takes instead of those in the model's file.
    pub(super) other_weights: Option<String>,
}

impl Loaded {
    /// Height and width of the pictures that it is given, if it takes others too.
    pub(super) fn open_size(&self, preprocess: &Preprocess) -> Option<usize> {
        let is_open = self.input_size.is_none() && self.lanes.pixel_type() != PixelType::Pictures;
        is_open.then_some(preprocess.size)
    }

    /// The outputs are probabilities that sum to one, instead of logits.
    pub(super) fn gives_probabilities(&self) -> bool {
        self.ending == Ending::Softmax && !self.in_per_cent
    }
}

/// Hands over an engine that exists already.
pub(super) fn built(engine: impl Engine + Send + 'static) -> Build {
    Box::new(|| Ok(Box::new(engine)))
}
