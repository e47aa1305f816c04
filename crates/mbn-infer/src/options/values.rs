//! The values that options take.

use clap::ValueEnum;
use mbn_engine::engine::CudnnSearch;

/// Values of `--engine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// ONNX Runtime
    Ort,
    /// candle
    Candle,
}

/// Values of `--parity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ParityScope {
    /// No image
    Off,
    /// The first batch
    First,
    /// All images
    All,
}

/// Values of `--channels`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChannelOrder {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red
    Bgr,
}

/// Values of `--bad-images`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BadImages {
    /// Report them; the exit code is 3
    Fail,
    /// Report them; the exit code is 0
    Report,
}

/// Values of `--cudnn-search`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CudnnSearchName {
    /// By cuDNN's rules, at once
    Heuristic,
    /// By timing all of them, which makes the start slow and takes memory
    Exhaustive,
}

impl From<CudnnSearchName> for CudnnSearch {
    fn from(name: CudnnSearchName) -> Self {
        match name {
            CudnnSearchName::Heuristic => Self::Heuristic,
            CudnnSearchName::Exhaustive => Self::Exhaustive,
        }
    }
}
