//! Why a network cannot be run.

use mbn_onnx::foreign::Reordered;
use mbn_spec::text::counted;
use mbn_spec::{LARGEST_SIZE, MetadataError};

use crate::cuda::CudaError;
use crate::images::{MAX_BATCH, PixelType};

/// Keys of the metadata that are looked up, each in a time that grows with their number. Models have some ten.
pub(crate) const MAX_KEYS: usize = 1000;

/// A network that cannot be run as an image classifier. The caller adds the file's name.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Features are asked of an engine that has none.
    #[error("the engine gives no features")]
    NoFeatures,
    /// The file cannot be read.
    #[error(transparent)]
    Read(std::io::Error),
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// ONNX Runtime refuses the settings.
    #[error("ONNX Runtime refuses the session's settings: {0}")]
    Options(String),
    /// ONNX Runtime refuses the model.
    #[error("ONNX Runtime refuses it: {0}")]
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
    /// candle refuses the weights.
    #[error("candle refuses the weights")]
    CandleWeights(#[source] candle_core::Error),
    /// candle fails while it runs the network.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// The metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The metadata has more keys than are looked up.
    #[error("its metadata has {keys} keys, at most {MAX_KEYS} are read; remove those that no program needs")]
    Keys {
        /// Number of keys.
        keys: usize,
    },
    /// The metadata names another number of classes than the output has.
    #[error("metadata names {}, the output has {classes}", counted(*names, "class"))]
    ClassNames {
        /// Number of names.
        names: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The input is not one of an image classifier.
    #[error(
        "it is no image classifier: its inputs are {inputs}, expected one of float32, float16 or uint8 \
         [batch, 3, size, size] or [batch, size, size, 3], with 1 instead of 3 for grey; its outputs are {outputs}"
    )]
    Input {
        /// The inputs as ONNX Runtime describes them.
        inputs: String,
        /// The outputs.
        outputs: String,
    },
    /// The input takes more images at once than this crate allocates memory for.
    #[error(
        "its input is fixed to {batch} images at once, at most {MAX_BATCH} can be run; export it with a dynamic batch"
    )]
    Batch {
        /// The number in the file.
        batch: usize,
    },
    /// The input takes larger images than any preprocessing makes.
    #[error("its input is fixed to {side} x {side} pixels, at most {LARGEST_SIZE} a side can be given")]
    Side {
        /// The side in the file.
        side: usize,
    },
    /// A recorded CUDA graph refers to buffers of one size, and a batch needs another.
    #[error(
        "its CUDA graph is recorded for batches of {recorded:?} images and values, and cannot run {wanted:?}"
    )]
    Recorded {
        /// Images of a batch, values of an image.
        recorded: [usize; 2],
        /// The sizes that the batch needs.
        wanted: [usize; 2],
    },
    /// No output is one of an image classifier, or not the one that is named.
    #[error(
        "it is no image classifier: its outputs are {outputs}, expected one of float32 or float16 [batch, classes], \
         or with dimensions of 1 besides; its inputs are {inputs}"
    )]
    Output {
        /// The inputs as ONNX Runtime describes them.
        inputs: String,
        /// The outputs.
        outputs: String,
    },
    /// The file does not say how many classes there are, and a run did not show it.
    #[error(
        "nothing says how many classes it has: its outputs are {outputs}, expected one with a fixed number of values for an \
         image; `--classes FILE`, with a line for each class, gives the number"
    )]
    Uncounted {
        /// The outputs as ONNX Runtime describes them.
        outputs: String,
    },
    /// The outputs that could be the classes' have their values in another order.
    #[error(
        "its output `{name}` is no classifier's: {}expected a value for each class, in the order of the classes; its outputs are \
         {outputs}{}",
        by.as_ref().map(|by| format!("`{}` puts its values in an order of their own, ", by.operator)).unwrap_or_default(),
        by.as_ref().map(|by| format!("; export the model with `{}`, which `{}` takes, as an output", by.from, by.operator))
            .unwrap_or_default()
    )]
    Reordered {
        /// The output.
        name: String,
        /// What puts them in their order.
        by: Option<Reordered>,
        /// The outputs as ONNX Runtime describes them.
        outputs: String,
    },
    /// Several outputs could be the classes'.
    #[error("several of its outputs could be those of the classes: its outputs are {outputs}")]
    SeveralOutputs {
        /// The outputs as ONNX Runtime describes them.
        outputs: String,
    },
    /// No output has the name.
    #[error("it has no output `{name}`: its outputs are {outputs}")]
    NoSuchOutput {
        /// The name.
        name: String,
        /// The outputs as ONNX Runtime describes them.
        outputs: String,
    },
    /// The metadata asks for another size than the input has.
    #[error("metadata `preprocess` makes pictures of size {preprocess}, the input takes {input}")]
    Size {
        /// Size in the metadata.
        preprocess: usize,
        /// Size of the input.
        input: usize,
    },
    /// The caller's batch does not hold the pictures that it should.
    #[error("{values} values are not {images} square images{}", size.map(|size| format!(" of size {size}")).unwrap_or_default())]
    Images {
        /// Number of values in the batch.
        values: usize,
        /// Number of images that they should be.
        images: usize,
        /// Height and width of the input, if the file fixes them.
        size: Option<usize>,
    },
    /// The caller's batch is not of the type that the network takes.
    #[error("the network takes {expected:?} pixels, not {found:?}")]
    PixelType {
        /// What the caller gave.
        found: PixelType,
        /// What the network takes.
        expected: PixelType,
    },
    /// The network's output has another shape than the file states.
    #[error("output `{name}` has shape {found:?} for {}, expected [{images}, {classes}]", counted(*images, "image"))]
    OutputShape {
        /// The output's name.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// Number of images in the batch.
        images: usize,
        /// Number of classes that the file states.
        classes: usize,
    },
    /// The system refuses a thread.
    #[error("cannot start a thread for the engine")]
    Thread(#[source] std::io::Error),
    /// An engine's thread panicked.
    #[error("the engine's thread ended early")]
    ThreadEnded,
    /// There is nothing to run batches on.
    #[error("there is no engine")]
    NoEngine,
}

impl EngineError {
    /// The error of the CUDA provider, if it is one.
    pub fn cuda(&self) -> Option<&CudaError> {
        match self {
            Self::Cuda(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the device's memory holds no more: a smaller batch may help.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Cuda(error) => error.is_out_of_memory(),
            Self::CandleWeights(error) | Self::Candle(error) => mbn_ops::is_out_of_memory(&error.to_string()),
            _ => false,
        }
    }

    pub(crate) fn refused<R>(error: ort::Error<R>) -> Self {
        Self::Refused(error.message().trim_end_matches(['.', '\n']).to_owned())
    }

    pub(crate) fn run<R>(error: ort::Error<R>) -> Self {
        Self::Run(error.message().trim_end_matches(['.', '\n']).to_owned())
    }

    pub(crate) fn options<R>(error: ort::Error<R>) -> Self {
        Self::Options(error.message().to_owned())
    }
}
