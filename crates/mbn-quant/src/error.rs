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
    /// A picture has a value that no byte stands for once it is normalised as the weights say.
    #[error(
        "picture {picture} has the value {value}, but the weights' preprocessing gives values from {low} to {high}: \
         normalise the pictures as the weights' metadata say, or, if they say nothing, by ImageNet's mean and deviation"
    )]
    Picture {
        /// The picture's number, from 0.
        picture: usize,
        /// Its first value that is out of range.
        value: f32,
        /// The least value of all channels.
        low: f32,
        /// The largest value of all channels.
        high: f32,
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
