//! Why an ONNX file cannot be run.

use mbn_spec::MetadataError;

use crate::cuda::CudaError;
use crate::engine::MAX_BATCH;

/// An ONNX file that cannot be run as an image classifier. The caller knows, and adds, the file's name.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(std::io::Error),
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// ONNX Runtime does not take the settings.
    #[error("ONNX Runtime does not take the session's settings: {0}")]
    Options(String),
    /// ONNX Runtime does not take the model.
    #[error("ONNX Runtime does not take it: {0}")]
    Refused(String),
    /// ONNX Runtime fails while it runs the model.
    #[error("ONNX Runtime fails: {0}")]
    Run(String),
    /// The CUDA provider cannot be used, or not for this model.
    #[error(transparent)]
    Cuda(#[from] CudaError),
    /// The profile of a run cannot be written or read.
    #[error("ONNX Runtime's profile cannot be written or read: {0}")]
    Profile(std::io::Error),
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Its metadata names another number of classes than it has.
    #[error("metadata names {names} classes, the output has {classes}")]
    ClassNames {
        /// Number of names.
        names: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Its input is not that of an image classifier.
    #[error(
        "its inputs are {found}, expected one of float32 or uint8 [batch, 3, size, size] or [batch, size, size, 3]"
    )]
    Input {
        /// The inputs as ONNX Runtime describes them.
        found: String,
    },
    /// Its input is of more images at once than memory is asked for.
    #[error(
        "its input is fixed to {batch} images at once, at most {MAX_BATCH} can be run; export it with a dynamic batch"
    )]
    Batch {
        /// The number in the file.
        batch: usize,
    },
    /// A recorded CUDA graph has the addresses of its buffers, and these are of another size.
    #[error(
        "its CUDA graph is recorded for batches of {recorded:?} images and values, and cannot run {wanted:?}"
    )]
    Recorded {
        /// Images of a batch, values of an image.
        recorded: [usize; 2],
        /// What was asked for.
        wanted: [usize; 2],
    },
    /// Its output is not that of an image classifier.
    #[error("its outputs are {found}, expected one of float32 [batch, classes]")]
    Output {
        /// The outputs as ONNX Runtime describes them.
        found: String,
    },
    /// Its metadata asks for another size than its input has.
    #[error("metadata `preprocess` makes pictures of size {preprocess}, the input takes {input}")]
    Size {
        /// Size in the metadata.
        preprocess: usize,
        /// Size of the input.
        input: usize,
    },
}

impl EngineError {
    pub(super) fn refused<R>(error: ort::Error<R>) -> Self {
        Self::Refused(error.message().trim_end_matches(['.', '\n']).to_owned())
    }

    /// The CUDA provider's part in it.
    pub fn cuda(&self) -> Option<&CudaError> {
        match self {
            Self::Cuda(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn run<R>(error: ort::Error<R>) -> Self {
        Self::Run(error.message().trim_end_matches(['.', '\n']).to_owned())
    }

    pub(super) fn options<R>(error: ort::Error<R>) -> Self {
        Self::Options(error.message().to_owned())
    }
}
