//! What can go wrong in a loader.

use std::path::PathBuf;

use mbn_spec::PreprocessError;
use rayon::ThreadPoolBuildError;

use super::batch::Unusable;
use crate::augment::AugmentError;
use crate::decode::{DecodeError, DecodeErrorKind};
use crate::resize::ResizeError;

/// Why a loader cannot make batches.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// The batch size is 0.
    #[error("the batch size is 0, expected at least 1")]
    BatchSize,
    /// There is no such part of a batch.
    #[error("part {index} of a batch is asked for, expected one from 0 to {}", count.saturating_sub(1))]
    Part {
        /// Its number.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The source has no pictures.
    #[error("the data set has no images")]
    EmptySource,
    /// The preprocessing is invalid.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The augmentation is invalid.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// The system cannot start threads.
    #[error("the decoding threads cannot be started")]
    Threads(#[from] ThreadPoolBuildError),
    /// A picture cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A picture cannot be resized.
    #[error("image `{}` cannot be used", path.display())]
    Resize {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ResizeError,
    },
    /// Pictures of a batch could not be read, and neither could other files of the source: the disk is likely gone. Names one of them.
    #[error("images cannot be read any more, such as `{}`: {}", .0.path.display(), .0.reason)]
    Gone(Unusable),
    /// A thread panicked, which is a bug.
    #[error("a decoding thread stopped unexpectedly; its message is above")]
    Stopped,
}

impl LoaderError {
    /// Whether it is a fault of the machine, such as a network file system that is away, which says nothing about the picture.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Decode(error) if error.kind.is_of_machine())
    }

    /// Whether pictures could not be made: their files are gone or cannot be reached, or hold what cannot be used.
    pub fn is_of_pictures(&self) -> bool {
        matches!(self, Self::Decode(_) | Self::Resize { .. } | Self::Gone(_))
    }

    /// The picture `index` that cannot be used, if that is the error.
    pub(super) fn of_picture(&self, index: usize) -> Option<Unusable> {
        let (path, reason) = match self {
            Self::Decode(error) => (&error.path, error.kind.to_string()),
            Self::Resize { path, source } => (path, source.to_string()),
            _ => return None,
        };
        Some(Unusable {
            index,
            path: path.clone(),
            reason,
        })
    }

    /// Whether a file could not be read, whatever it holds.
    pub(super) fn is_io(&self) -> bool {
        matches!(self, Self::Decode(error) if matches!(error.kind, DecodeErrorKind::Io(_)))
    }
}
