//! Errors of an export.

use mbn_spec::PreprocessError;
use mbn_spec::text::counted;
use mbn_weights::ValueError;

use crate::Precision;
use crate::check_error::CheckError;
use crate::options::OptionsError;

/// Weights that cannot be exported with the given options.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// The options contradict each other.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The graph does not fit together, which is a fault of this crate.
    #[error("the graph that these options describe is wrong: {0}")]
    Graph(#[from] CheckError),
    /// There are no weights in 8 bits.
    #[error("the weights are not quantised, which int8 needs")]
    NotQuantized,
    /// The weights in 8 bits are not those of the network, or cannot be used.
    #[error("the quantised weights cannot be exported: {0}")]
    Quantized(String),
    /// The weights' preprocessing is out of range.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// No network can compute with the weights.
    #[error(transparent)]
    Values(#[from] ValueError),
    /// A weight is too large for the precision.
    #[error(
        "`{tensor}` has the value {value:e}{}{}, which {precision} cannot hold (largest {:e})",
        folding(*folded), before(*stored), precision.max()
    )]
    Range {
        /// The tensor; after folding, if batch norm is folded.
        tensor: String,
        /// Its first value that is out of range.
        value: f32,
        /// Whether the value is that of a convolution with its batch norm.
        folded: bool,
        /// The value in the weights, if that is another one.
        stored: Option<f32>,
        /// The precision of the export.
        precision: Precision,
    },
    /// Weights are so small that little is left of them.
    #[error(
        "`{tensor}` has {} that are not zero{}; in {precision} {zero} of them become zero, and {} below {:.1e}, where digits are \
         lost: the rounded values are {:.0} % off",
        counted(*values, "value"), folding(*folded), were(*small), precision.smallest_normal(), 100.0 * lost
    )]
    Vanishing {
        /// The tensor; after folding, if batch norm is folded.
        tensor: String,
        /// Number of its values that are not zero.
        values: usize,
        /// How many of these become zero.
        zero: usize,
        /// How many of these are below the smallest value that keeps all its digits.
        small: usize,
        /// The length of what is lost as a part of the length of the tensor.
        lost: f32,
        /// Whether the values are those of a convolution with its batch norm.
        folded: bool,
        /// The precision of the export.
        precision: Precision,
    },
}

fn folding(folded: bool) -> &'static str {
    match folded {
        true => " after its batch norm was folded in",
        false => "",
    }
}

fn before(stored: Option<f32>) -> String {
    stored.map_or_else(String::new, |value| format!(" ({value:e} before)"))
}

fn were(n: usize) -> String {
    format!("{n} {}", if n == 1 { "is" } else { "are" })
}
