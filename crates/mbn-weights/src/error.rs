//! Errors of weight files and state dicts.

use std::path::PathBuf;

use mbn_spec::MetadataError;
use safetensors::SafeTensorError;

/// A weight file that cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
#[error("weight file `{}` cannot be {}", path.display(), kind.what_failed())]
pub struct WeightsError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub kind: WeightsErrorKind,
}

/// Why a weight file cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It cannot be written.
    #[error(transparent)]
    Write(std::io::Error),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is too large to be a MobileNetV1.
    #[error("the file has {found} bytes, more than any MobileNetV1 (limit {limit})")]
    TooLarge {
        /// Bytes found.
        found: u64,
        /// The most bytes that are read.
        limit: u64,
    },
    /// It is not safetensors, or is truncated.
    #[error("not a whole safetensors file")]
    Malformed(#[from] SafeTensorError),
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Its tensors do not make a MobileNetV1.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
}

impl WeightsErrorKind {
    fn what_failed(&self) -> &'static str {
        match self {
            Self::Write(_) => "written",
            _ => "used",
        }
    }
}

/// Tensors that do not match the network; lists every difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its tensors do not match {expected}:{}", .problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
pub struct MismatchError {
    /// The network that was expected.
    pub expected: String,
    /// One line for each missing, unexpected or misshaped tensor.
    pub problems: Vec<String>,
}
