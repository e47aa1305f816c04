//! ONNX Runtime as an engine.

mod error;
mod interface;

use std::collections::BTreeMap;
use std::path::Path;

use mbn_spec::Metadata;
use ort::ep::{CPU, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::Engine;
use crate::runtime::Runtime;

pub use error::EngineError;
use interface::{Input, Output, Pixel};

/// A network that ONNX Runtime runs on the CPU.
#[derive(Debug)]
pub struct OrtEngine {
    session: Session,
    input: Input,
    output: Output,
    metadata: Metadata,
    properties: BTreeMap<String, String>,
    runtime_version: String,
}

impl OrtEngine {
    /// Loads an ONNX file; `threads` compute each operation.
    ///
    /// # Errors
    /// [`EngineError`]: the file cannot be read, ONNX Runtime refuses it, or it is not an image classifier.
    pub fn from_file(runtime: &Runtime, path: &Path, threads: usize) -> Result<Self, EngineError> {
        // ONNX Runtime's own messages for these two do not name the cause.
        let file = std::fs::metadata(path).map_err(EngineError::Read)?;
        if file.is_file() && file.len() == 0 {
            return Err(EngineError::Empty);
        }
        let session = builder(runtime, threads)?.commit_from_file(path);
        Self::new(runtime, session.map_err(EngineError::refused)?)
    }

    /// Loads an ONNX file's content; `threads` compute each operation.
    ///
    /// # Errors
    /// As [`OrtEngine::from_file`].
    pub fn from_bytes(runtime: &Runtime, bytes: &[u8], threads: usize) -> Result<Self, EngineError> {
        if bytes.is_empty() {
            return Err(EngineError::Empty);
        }
        let session = builder(runtime, threads)?.commit_from_memory(bytes);
        Self::new(runtime, session.map_err(EngineError::refused)?)
    }

    fn new(runtime: &Runtime, session: Session) -> Result<Self, EngineError> {
        let properties = properties(&session)?;
        let metadata = Metadata::from_pairs(properties.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
        let output = Output::of(session.outputs())?;
        if let Some(names) = &metadata.classes
            && names.len() != output.classes
        {
            return Err(EngineError::ClassNames {
                names: names.len(),
                classes: output.classes,
            });
        }
        let input = Input::of(session.inputs(), &metadata)?;
        Ok(Self {
            session,
            input,
            output,
            metadata,
            properties,
            runtime_version: runtime.version().to_owned(),
        })
    }

    /// What the file says of itself: class names, preprocessing, alpha.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The value of a key of the file's `metadata_props`, such as `weights_sha256`.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// Height and width of the input, where the file fixes them.
    pub fn input_size(&self) -> Option<usize> {
        self.input.size
    }

    /// Name of the output that [`Engine::logits`] returns.
    pub fn output_name(&self) -> &str {
        &self.output.name
    }

    /// ONNX Runtime's name of the provider that runs the network.
    pub fn provider(&self) -> &'static str {
        CPU::NAME
    }

    fn run(&mut self, images: &[f32], n: usize) -> anyhow::Result<Vec<f32>> {
        let (shape, name) = (self.input.shape(images.len(), n), self.input.name.as_str());
        let bytes;
        let floats;
        let value = match self.input.pixel {
            Pixel::Float if self.input.channels_last => {
                floats = self.input.to_channels_last(images, n);
                TensorRef::from_array_view((shape, &floats[..]))?.into_dyn()
            }
            Pixel::Float => TensorRef::from_array_view((shape, images))?.into_dyn(),
            Pixel::Byte => {
                bytes = self.input.to_bytes(images, n);
                TensorRef::from_array_view((shape, &bytes[..]))?.into_dyn()
            }
        };
        let outputs = self.session.run(ort::inputs![name => value])?;
        let (shape, logits) = outputs[self.output.name.as_str()].try_extract_tensor::<f32>()?;
        anyhow::ensure!(
            **shape == [n as i64, self.output.classes as i64],
            "output `{}` has shape {shape:?} for {n} images, expected [{n}, {}]",
            self.output.name,
            self.output.classes
        );
        Ok(logits.to_vec())
    }
}

impl Engine for OrtEngine {
    fn describe(&self) -> String {
        format!("ONNX Runtime {}, {}", self.runtime_version, self.provider())
    }

    fn classes(&self) -> usize {
        self.output.classes
    }

    fn logits(&mut self, images: &[f32], n: usize) -> anyhow::Result<Vec<f32>> {
        if n == 0 {
            return Ok(Vec::new());
        }
        let image_len = self.input.image_len(images.len(), n)?;
        let Some(batch) = self.input.batch.filter(|batch| *batch != n) else {
            return self.run(images, n);
        };
        // A file with a fixed batch takes no other number: the last one is filled up with zeros.
        let mut logits = Vec::with_capacity(n * self.output.classes);
        for part in images.chunks(batch * image_len) {
            let mut padded = part.to_vec();
            padded.resize(batch * image_len, 0.0);
            let rows = part.len() / image_len;
            let part = self.run(&padded, batch)?;
            logits.extend_from_slice(&part[..rows * self.output.classes]);
        }
        Ok(logits)
    }
}

fn builder(runtime: &Runtime, threads: usize) -> Result<SessionBuilder, EngineError> {
    let builder = Session::builder(runtime.environment()).map_err(EngineError::options)?;
    builder
        // Threads that wait for work in a loop take the processor from the threads that decode.
        .with_intra_op_spinning(false)
        .map_err(EngineError::options)?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(EngineError::options)?
        .with_intra_threads(threads)
        .map_err(EngineError::options)
}

fn properties(session: &Session) -> Result<BTreeMap<String, String>, EngineError> {
    let metadata = session.metadata().map_err(EngineError::refused)?;
    let keys = metadata.custom_keys().map_err(EngineError::refused)?;
    let pairs = keys.into_iter().map(|key| {
        let value = metadata.custom(&key).unwrap_or_default();
        (key, value)
    });
    Ok(pairs.collect())
}
