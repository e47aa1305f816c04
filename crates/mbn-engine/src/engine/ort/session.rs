//! What a session runs on, and how it is set up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{ArenaExtendStrategy, CPU, CUDA, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::cuda::CudaError;
use crate::error::EngineError;
use crate::images::PixelType;
use crate::precision::ModelPrecision;
use crate::runtime::Runtime;

/// An ONNX file, or its content.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// A file, which may keep its tensors in other files beside it.
    File(PathBuf),
    /// The content of a file.
    Bytes(Arc<[u8]>),
}

/// How ONNX Runtime runs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// CPU threads that compute an operation.
    pub threads: usize,
    /// What runs the operations.
    pub provider: Provider,
    /// The number of images of every call, in buffers that are allocated once; zeros fill up smaller batches. `None`
    /// lets the number vary.
    pub batch: Option<usize>,
}

/// What runs the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime's own kernels on the CPU.
    Cpu,
    /// NVIDIA's libraries on a CUDA device.
    Cuda(CudaOptions),
}

/// Settings of the CUDA provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CudaOptions {
    /// The device's index, from 0.
    pub device: usize,
    /// Products of float32 may round their factors to TF32's 11 bits.
    pub tf32: bool,
    /// How cuDNN's algorithms are chosen.
    pub search: CudnnSearch,
    /// The kernels are recorded once and replayed as a whole.
    pub graph: bool,
    /// Convolutions keep their values with channels last (NHWC), the layout of tensor cores.
    pub prefer_nhwc: bool,
    /// cuDNN adds a convolution's bias in the convolution's own kernel, not in a second one.
    pub fuse_conv_bias: bool,
}

/// How cuDNN's algorithm for each convolution is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CudnnSearch {
    /// By cuDNN's rules, at once.
    #[default]
    Heuristic,
    /// By timing all of them, which makes the start slow and takes memory.
    Exhaustive,
}

impl ModelSource {
    fn check(&self) -> Result<(), EngineError> {
        // ONNX Runtime's own messages for these do not name the cause.
        let empty = match self {
            Self::File(path) => {
                let file = std::fs::metadata(path).map_err(EngineError::Read)?;
                file.is_file() && file.len() == 0
            }
            Self::Bytes(bytes) => bytes.is_empty(),
        };
        if empty { Err(EngineError::Empty) } else { Ok(()) }
    }
}

impl Provider {
    /// ONNX Runtime's name for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu => CPU::NAME,
            Self::Cuda(_) => CUDA::NAME,
        }
    }

    /// Makes sure that a network which takes such pixels can be recorded, if it is to be.
    pub(super) fn require_recordable(&self, pixel_type: PixelType) -> Result<(), CudaError> {
        match self {
            // Replaying a graph reads no input: it computes in the memory, and for the shape, that were recorded.
            Self::Cuda(cuda) if cuda.graph && pixel_type == PixelType::Pictures => Err(CudaError::Graph(
                "it resizes pictures inside, and a graph is for one size alone".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// The CUDA error that ONNX Runtime reports, or what `otherwise` makes of the report if CUDA is not the cause.
    pub(super) fn error<R>(
        &self,
        error: ort::Error<R>,
        otherwise: fn(ort::Error<R>) -> EngineError,
    ) -> EngineError {
        match self {
            Self::Cpu => otherwise(error),
            Self::Cuda(cuda) => match CudaError::of_message(error.message(), cuda.device) {
                CudaError::Other(_) if !of_nvidia(error.message()) => otherwise(error),
                known => known.into(),
            },
        }
    }
}

/// Whether one of NVIDIA's libraries failed, not ONNX Runtime.
fn of_nvidia(message: &str) -> bool {
    ["CUDA", "CUBLAS", "CUDNN"]
        .iter()
        .any(|library| message.contains(&format!("{library} failure")))
}

impl CudaOptions {
    /// These settings for a model of this precision. With `tf32` off, ONNX Runtime takes the tensor cores from float16
    /// convolutions too, whose factors TF32 would not round. So it is on for them.
    #[must_use]
    pub fn suited_to(self, precision: ModelPrecision) -> Self {
        Self {
            tf32: self.tf32 || precision == ModelPrecision::Float16,
            ..self
        }
    }

    fn provider(&self) -> Result<ExecutionProviderDispatch, CudaError> {
        let index = self.device;
        let device = i32::try_from(index).map_err(|_| CudaError::Index { index, found: None })?;
        let search = match self.search {
            CudnnSearch::Heuristic => ConvAlgorithmSearch::Heuristic,
            CudnnSearch::Exhaustive => ConvAlgorithmSearch::Exhaustive,
        };
        let provider = CUDA::default()
            .with_device_id(device)
            // By default it is on, and ONNX Runtime's logits then differ from candle's by 1e-2.
            .with_tf32(self.tf32)
            .with_conv_algorithm_search(search)
            .with_cuda_graph(self.graph)
            .with_prefer_nhwc(self.prefer_nhwc)
            .with_fuse_conv_bias(self.fuse_conv_bias)
            // The run has one batch size: doubling each request would only waste memory.
            .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
        Ok(provider.build().error_on_failure())
    }
}

/// A session of `source`. `fuses_pads`: no pooling may follow a `Pad` in it. With `profile` it records which provider ran each node,
/// in a file whose path starts with `profile`.
pub(crate) fn start(
    runtime: &Runtime,
    source: &ModelSource,
    options: &SessionOptions,
    fuses_pads: bool,
    profile: Option<&Path>,
) -> Result<Session, EngineError> {
    source.check()?;
    let mut builder = builder(runtime, options)?;
    if !fuses_pads {
        builder = builder
            .with_config_entry(DISABLED, WRONG)
            .map_err(EngineError::options)?;
    }
    if let Some(profile) = profile {
        builder = builder.with_profiling(profile).map_err(EngineError::options)?;
    }
    let session = match source {
        ModelSource::File(path) => builder.commit_from_file(path),
        ModelSource::Bytes(bytes) => builder.commit_from_memory(bytes),
    };
    session.map_err(|error| options.provider.error(error, EngineError::refused))
}

/// Key of the optimisations that ONNX Runtime leaves out.
const DISABLED: &str = "optimization.disable_specified_optimizers";
/// Up to version 1.31 it makes the zeros of a `Pad` before a `MaxPool` part of the pooling, which pads with the least number: where
/// all values at an edge are below zero, the results differ (ResNetV2 of BiT, ResNet50V2 of Keras).
const WRONG: &str = "Pad_Fusion";

fn builder(runtime: &Runtime, options: &SessionOptions) -> Result<SessionBuilder, EngineError> {
    let builder = Session::builder(runtime.environment())
        .map_err(EngineError::options)?
        // Threads that spin while they wait take the processor from the threads that decode.
        .with_intra_op_spinning(false)
        .map_err(EngineError::options)?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(EngineError::options)?
        .with_intra_threads(options.threads)
        .map_err(EngineError::options)?;
    match &options.provider {
        Provider::Cpu => Ok(builder),
        Provider::Cuda(cuda) => builder
            .with_execution_providers([cuda.provider()?])
            .map_err(|error| CudaError::of_message(error.message(), cuda.device).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float16_alone_gets_the_tensor_cores_unasked() {
        let tf32 = |asked, precision| {
            let options = CudaOptions {
                tf32: asked,
                ..CudaOptions::default()
            };
            options.suited_to(precision).tf32
        };
        assert!(tf32(false, ModelPrecision::Float16));
        assert!(!tf32(false, ModelPrecision::Float32));
        assert!(!tf32(false, ModelPrecision::Int8));
        assert!(tf32(true, ModelPrecision::Float32));
    }

    #[test]
    fn a_network_that_resizes_inside_cannot_be_recorded() {
        let on = |graph| {
            Provider::Cuda(CudaOptions {
                graph,
                ..CudaOptions::default()
            })
        };
        let error = on(true).require_recordable(PixelType::Pictures).unwrap_err();
        assert!(matches!(error, CudaError::Graph(_)), "{error}");
        assert!(on(false).require_recordable(PixelType::Pictures).is_ok());
        assert!(on(true).require_recordable(PixelType::Uint8).is_ok());
        assert!(Provider::Cpu.require_recordable(PixelType::Pictures).is_ok());
    }
}
