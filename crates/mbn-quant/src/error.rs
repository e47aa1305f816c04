//! Why a network cannot be quantised.

use crate::pictures::LEAST;

/// A network that cannot be quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantError {
    /// Ranges that few pictures show are too small for others.
    #[error(
        "{found} pictures are too few to measure the ranges of values; {LEAST} is the least, some hundreds of all classes are better"
    )]
    TooFew {
        /// Number of pictures.
        found: usize,
    },
    /// A weight is not a finite number.
    #[error("`{tensor}` has the value {value} once batch norm is folded in, which cannot be quantised")]
    Weight {
        /// The tensor, after folding.
        tensor: String,
        /// Its first such value.
        value: f32,
    },
    /// A value that the network computes is not a finite number.
    #[error("on the calibration pictures, `{layer}` computes values that are not finite numbers")]
    Value {
        /// The layer.
        layer: String,
    },
    /// candle fails.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
