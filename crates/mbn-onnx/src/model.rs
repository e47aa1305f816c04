//! A model file: its bytes, its metadata and its errors.

use std::path::{Path, PathBuf};

use mbn_files::{FileKind, whole_file};
use mbn_spec::{Metadata, MetadataError, ModelMetadata, Quantization};
use prost::Message;

use crate::foreign::calls::{self, CallError};
use crate::foreign::ultralytics::Ultralytics;
use crate::limits::{self, TooLarge};
use crate::proto::{DataType, GraphProto, ModelProto};
use crate::types::{Dim, TensorType};

/// Bytes of the largest protocol buffer.
const MAX_BYTES: u64 = 1 << 31;
pub(crate) const WEIGHTS_SHA256: &str = "weights_sha256";
pub(crate) const QUANTIZATION: &str = "quantization";
/// Key of the metadata that says, with the value `true`, that the graph itself resizes pictures of any size.
pub const RESIZE_INSIDE: &str = "resize_inside";

/// An ONNX model in memory. Two are equal if their messages are, wherever they were read from.
#[derive(Clone, Debug)]
pub struct Model {
    proto: ModelProto,
    /// The file from which it was read, beside which constants may have their data.
    file: Option<PathBuf>,
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.proto == other.proto
    }
}

/// A model file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("model file `{}` cannot be used", path.display())]
pub struct ModelError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub kind: ModelErrorKind,
}

/// Why a model file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is too large: a protocol buffer ends there, and tensors may be in other files.
    #[error("the file has {0} bytes, more than an ONNX file can have (limit {MAX_BYTES})")]
    TooLarge(u64),
    /// It is a file of another kind.
    #[error("it is {0}, expected an ONNX model")]
    OtherKind(FileKind),
    /// It is not a protocol buffer, or is truncated.
    #[error("not a whole ONNX file")]
    Malformed(#[from] prost::DecodeError),
    /// It is a protocol buffer, but not a model.
    #[error("not an ONNX model: it has no graph")]
    NoGraph,
    /// It would take too much memory.
    #[error(transparent)]
    TooManyParts(#[from] TooLarge),
    /// Its functions call each other without end, or too deep for an engine.
    #[error(transparent)]
    Calls(#[from] CallError),
}

impl Model {
    /// Reads a model file. [`check`](crate::checker::check) checks its graph.
    ///
    /// # Errors
    /// [`ModelError`] if the file cannot be read as a model.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let read = || Self::from_bytes(&whole_file::read(path, MAX_BYTES, ModelErrorKind::TooLarge)?);
        let mut model = read().map_err(|kind| ModelError {
            path: path.to_owned(),
            kind,
        })?;
        model.file = Some(path.to_owned());
        Ok(model)
    }

    /// Reads a model file's content.
    ///
    /// # Errors
    /// As [`Model::load`], without the path.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelErrorKind> {
        if bytes.is_empty() {
            return Err(ModelErrorKind::Empty);
        }
        limits::check(bytes)?;
        let error = match ModelProto::decode(bytes) {
            Ok(proto) if proto.graph.is_some() => {
                calls::check(&proto)?;
                return Ok(proto.into());
            }
            Ok(_) => ModelErrorKind::NoGraph,
            Err(error) => error.into(),
        };
        match FileKind::recognise(bytes) {
            Some(kind) if kind != FileKind::Onnx => Err(ModelErrorKind::OtherKind(kind)),
            _ => Err(error),
        }
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.proto.encode_to_vec()
    }

    /// The model's metadata.
    ///
    /// # Errors
    /// [`MetadataError`] if a value cannot be used.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        let props = &self.proto.metadata_props;
        Metadata::from_pairs(props.iter().map(|entry| (entry.key(), entry.value())))
    }

    /// The metadata, whichever tool wrote the model.
    ///
    /// # Errors
    /// [`MetadataError`] if it says that the model is this project's, and a value cannot be used.
    pub fn any_metadata(&self) -> Result<ModelMetadata, MetadataError> {
        let props = &self.proto.metadata_props;
        ModelMetadata::from_pairs(props.iter().map(|entry| (entry.key(), entry.value())))
    }

    /// What Ultralytics' exporter says about the model, if it wrote it, and what it says that cannot be read.
    pub fn ultralytics(&self) -> Option<(Ultralytics, Vec<String>)> {
        let props = &self.proto.metadata_props;
        Ultralytics::of(&props.iter().map(|entry| (entry.key(), entry.value())).collect())
    }

    /// The [hash](mbn_weights::Weights::sha256) of the weights that the model was made from.
    pub fn weights_sha256(&self) -> Option<&str> {
        self.property(WEIGHTS_SHA256)
    }

    /// How the model was quantised, if it says so.
    pub fn quantization(&self) -> Option<Quantization> {
        Quantization::from_json(self.property(QUANTIZATION)?)
    }

    /// Whether the graph itself resizes pictures of any size, as the model's `Preprocess` says.
    pub fn resizes_inside(&self) -> bool {
        self.property(RESIZE_INSIDE) == Some("true")
    }

    /// Whether the first input takes bytes, which the graph itself normalises.
    pub fn takes_bytes(&self) -> bool {
        self.first_input()
            .is_some_and(|input| input.elem == DataType::Uint8)
    }

    /// The number of images that the first input takes at once, if the graph fixes it.
    pub fn fixed_batch(&self) -> Option<usize> {
        match self.first_input()?.shape.first()? {
            Dim::Fixed(batch) => Some(*batch),
            _ => None,
        }
    }

    fn first_input(&self) -> Option<TensorType> {
        TensorType::stated(self.graph()?.given_inputs().next()?).ok()
    }

    /// The value of a key of the metadata.
    pub fn property(&self, key: &str) -> Option<&str> {
        let props = &self.proto.metadata_props;
        let entry = props.iter().find(|entry| entry.key() == key)?;
        entry.value.as_deref()
    }

    /// The messages.
    pub fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// The file from which it was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(crate) fn graph(&self) -> Option<&GraphProto> {
        self.proto.graph.as_ref()
    }
}

impl From<ModelProto> for Model {
    fn from(proto: ModelProto) -> Self {
        Self { proto, file: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let load = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let error = Model::load(&path).unwrap_err();
            assert!(error.to_string().contains("model.onnx"), "{error}");
            error.kind
        };
        assert!(matches!(load(b""), ModelErrorKind::Empty));
        assert!(matches!(
            load(b"not a protocol buffer"),
            ModelErrorKind::Malformed(_)
        ));
        for (content, expected) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\n"[..],
                "it is a Git LFS pointer",
            ),
            (b"<html><body>404</body></html>", "it is a web page"),
            (b"\x20\0\0\0\0\0\0\0{\"a\":{}}", "it is a safetensors file"),
            (b"PK\x03\x04", "it is a zip archive"),
        ] {
            let message = load(content).to_string();
            assert!(message.starts_with(expected), "{message}");
        }
        let no_graph = ModelProto {
            ir_version: Some(8),
            ..ModelProto::default()
        };
        assert!(matches!(load(&no_graph.encode_to_vec()), ModelErrorKind::NoGraph));
        let missing = Model::load(&folder.path().join("missing.onnx")).unwrap_err();
        assert!(matches!(missing.kind, ModelErrorKind::Io(_)));
    }

    #[test]
    fn a_false_length_allocates_nothing() {
        // Field 7 (the graph), stated to be 2^62 bytes long.
        let bytes = [0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        assert!(matches!(
            Model::from_bytes(&bytes),
            Err(ModelErrorKind::Malformed(_))
        ));
    }
}
