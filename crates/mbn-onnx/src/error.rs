//! Errors of an export.

use mbn_spec::PreprocessError;
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
    #[error("`{tensor}` has the value {value:e}, which {precision} cannot hold (largest {:e})", precision.max())]
    Range {
        /// The tensor; after folding, if batch norm is folded.
        tensor: String,
        /// Its first value that is out of range.
        value: f32,
        /// The precision of the export.
        precision: Precision,
    },
}
