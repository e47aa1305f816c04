//! ONNX Runtime as an engine.

mod facts;
mod fixed;
mod interface;
mod learn;
mod output;
mod run;
mod session;

use std::collections::BTreeMap;
use std::path::Path;

use mbn_onnx::foreign::{Heads, Layout};
use mbn_onnx::{LOGITS, RESIZE_INSIDE};
use mbn_spec::{Metadata, ModelMetadata};
use ort::session::Session;

use super::Engine;
use crate::cuda::CudaError;
use crate::error::EngineError;
use crate::images::{PixelBuffer, PixelType, Pixels};
use crate::placement::Placement;
use crate::runtime::Runtime;

use facts::{agree, interface, properties};
use fixed::FixedBatch;
use interface::Input;
use output::Output;
pub(crate) use session::start;
pub use session::{CudaOptions, CudnnSearch, ModelSource, Provider, SessionOptions};

/// What is known of a model before it is loaded, for what its inputs and outputs leave open.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What makes the outputs.
    pub heads: Heads,
    /// The layout that the first nodes show.
    pub layout: Option<Layout>,
    /// The output to take, by its name.
    pub output: Option<String>,
    /// The number of classes that have names.
    pub classes: Option<usize>,
    /// The input takes blue, green and red instead of red, green and blue.
    pub blue_first: bool,
    /// No pooling follows a `Pad`, so that ONNX Runtime may make each `Pad` part of what follows it.
    pub fuses_pads: bool,
}

/// A network that ONNX Runtime runs.
#[derive(Debug)]
pub struct OrtEngine {
    /// A recorded CUDA graph is replayed on the addresses of these buffers: they live as long as the session, even after
    /// errors.
    fixed: Option<FixedBatch>,
    session: Session,
    provider: Provider,
    batch: Option<usize>,
    input: Input,
    output: Output,
    /// Values of an image in the output of pooled features, if the file has one.
    features: Option<usize>,
    metadata: Metadata,
    properties: BTreeMap<String, String>,
    runtime_version: String,
}

impl OrtEngine {
    /// Loads an ONNX file to run on the CPU; `threads` compute each operation.
    ///
    /// # Errors
    /// As [`OrtEngine::load`].
    pub fn from_file(runtime: &Runtime, path: &Path, threads: usize) -> Result<Self, EngineError> {
        let source = ModelSource::File(path.to_owned());
        Self::load(runtime, &source, &on_cpu(threads), &Reading::default())
    }

    /// Loads an ONNX file's content to run on the CPU; `threads` compute each operation.
    ///
    /// # Errors
    /// As [`OrtEngine::load`].
    pub fn from_bytes(runtime: &Runtime, bytes: &[u8], threads: usize) -> Result<Self, EngineError> {
        let source = ModelSource::Bytes(bytes.into());
        Self::load(runtime, &source, &on_cpu(threads), &Reading::default())
    }

    /// Loads an ONNX file.
    ///
    /// # Errors
    /// [`EngineError`]: the file cannot be read, ONNX Runtime refuses it or the provider, or it is not an image
    /// classifier.
    pub fn load(
        runtime: &Runtime,
        source: &ModelSource,
        options: &SessionOptions,
        reading: &Reading,
    ) -> Result<Self, EngineError> {
        let session = session::start(runtime, source, options, reading.fuses_pads, None)?;
        Self::of_session(runtime, session, options, reading)
    }

    /// Loads an ONNX file for single images, and runs it once on zeros to see which provider runs each operation. Height
    /// and width are `size` if the file does not fix them.
    ///
    /// # Errors
    /// As [`OrtEngine::load`]; the run fails, or its profile cannot be written.
    pub fn with_placement(
        runtime: &Runtime,
        source: &ModelSource,
        options: &SessionOptions,
        reading: &Reading,
        size: usize,
    ) -> Result<(Self, Placement), EngineError> {
        let folder = tempfile::tempdir().map_err(EngineError::Profile)?;
        let mut options = SessionOptions {
            batch: Some(1),
            ..*options
        };
        if let Provider::Cuda(cuda) = &mut options.provider {
            // A profile shows a replayed graph as one event. Recording does not change which provider runs a node.
            cuda.graph = false;
        }
        let session = session::start(
            runtime,
            source,
            &options,
            reading.fuses_pads,
            Some(&folder.path().join("profile")),
        )?;
        let mut engine = Self::of_session(runtime, session, &options, reading)?;
        let size = engine.input_size().unwrap_or(size);
        let n = engine.input.batch.unwrap_or(1);
        let blank = PixelBuffer::blank(engine.input.pixel_type(), n, size);
        match blank.pixels() {
            Pixels::Pictures(pictures) => engine.run_pictures(pictures, None)?,
            pixels => engine.run_fixed(pixels, n)?,
        };
        let profile = engine.session.end_profiling().map_err(EngineError::options)?;
        let json = std::fs::read(profile).map_err(EngineError::Profile)?;
        let placement = Placement::of_profile(&json).map_err(CudaError::from)?;
        Ok((engine, placement))
    }

    fn of_session(
        runtime: &Runtime,
        mut session: Session,
        options: &SessionOptions,
        reading: &Reading,
    ) -> Result<Self, EngineError> {
        let properties = properties(&session)?;
        let pairs = properties.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let ModelMetadata {
            metadata, is_ours, ..
        } = ModelMetadata::from_pairs(pairs)?;
        let resizes = is_ours && properties.get(RESIZE_INSIDE).is_some_and(|value| value == "true");
        // Beside them there may be probabilities and features.
        let logits = session.outputs().iter().any(|output| output.name() == LOGITS);
        let usual = (is_ours && logits).then(|| LOGITS.to_owned());
        let reading = Reading {
            output: reading.output.clone().or(usual),
            classes: reading.classes.or(metadata.classes.as_ref().map(Vec::len)),
            ..reading.clone()
        };
        // A run outside the buffers that are bound once would be recorded in their stead.
        let may_run = !matches!(options.provider, Provider::Cuda(cuda) if cuda.graph);
        let (input, output) = interface(&mut session, &reading, resizes, may_run)?;
        options.provider.require_recordable(input.pixel_type())?;
        // Buffers that are bound once hold the logits alone.
        let features = match is_ours && options.batch.is_none() {
            true => output::features(session.outputs()),
            false => None,
        };
        // Of another tool's metadata, the caller decides what to believe.
        if is_ours {
            agree(&metadata, &input, &output)?;
        }
        Ok(Self {
            fixed: None,
            session,
            provider: options.provider,
            batch: options.batch,
            input,
            output,
            features,
            metadata,
            properties,
            runtime_version: runtime.version().to_owned(),
        })
    }

    /// The file's metadata: class names, preprocessing, alpha.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The value of a key of the file's `metadata_props`, such as `weights_sha256`.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// Height and width of the input, if the file fixes them.
    pub fn input_size(&self) -> Option<usize> {
        self.input.size
    }

    /// Name of the output that [`Engine::logits`] returns.
    pub fn output_name(&self) -> &str {
        &self.output.name
    }
}

impl Engine for OrtEngine {
    fn describe(&self) -> String {
        let (version, provider) = (&self.runtime_version, self.provider.name());
        match self.provider {
            Provider::Cpu => format!("ONNX Runtime {version}, {provider}"),
            Provider::Cuda(cuda) => format!("ONNX Runtime {version}, {provider} on cuda:{}", cuda.device),
        }
    }

    fn classes(&self) -> usize {
        self.output.classes
    }

    fn pixel_type(&self) -> PixelType {
        self.input.pixel_type()
    }

    fn is_grey(&self) -> bool {
        self.input.is_grey
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        self.outputs(images, n, None)
    }

    fn features(&self) -> Option<usize> {
        self.features
    }

    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        let len = self.features.ok_or(EngineError::NoFeatures)?;
        let mut features = Vec::with_capacity(n * len);
        let logits = self.outputs(images, n, Some(&mut features))?;
        Ok((logits, features))
    }
}

fn on_cpu(threads: usize) -> SessionOptions {
    SessionOptions {
        threads,
        provider: Provider::Cpu,
        batch: None,
    }
}
