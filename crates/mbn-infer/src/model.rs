//! The model that the user names: an ONNX file, a weight file, or the weights built into the program.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_cli::{Hint, Wanted, load_weights, named_file, other_kind};
use mbn_engine::precision::ModelPrecision;
use mbn_files::{FileKind, HEAD};
use mbn_onnx::ModelErrorKind;
use mbn_spec::{Architecture, Metadata, Preprocess, Variant};
use mbn_weights::{Weights, is_weight_file};

use crate::builtin;

/// The model to use if the user names none and this file exists.
const DEFAULT_MODEL: &str = "model.onnx";

/// A model and its metadata.
#[derive(Debug)]
pub struct Model {
    name: String,
    content: Content,
    metadata: Metadata,
    sha256: Option<String>,
    precision: ModelPrecision,
}

/// What a model was read from.
#[derive(Debug)]
pub enum Content {
    /// An ONNX file.
    Onnx(PathBuf, mbn_onnx::Model),
    /// Weights.
    Weights(Weights),
}

impl Model {
    /// Reads the file `path`, fetched if it is named on the Hub. Without it: `model.onnx` in the current folder if that exists, else the built-in weights.
    ///
    /// # Errors
    /// The file cannot be fetched or read, or is not a model.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let default = Path::new(DEFAULT_MODEL);
        let named = path.map(|path| named_file(path, Wanted::Model)).transpose()?;
        match named.as_ref().map(|named| named.path.as_path()) {
            Some(path) if is_weight_file(path) || holds_weights(path) => Ok(Self::of_weights(
                format!("`{}`", path.display()),
                load_weights(path)?,
            )),
            Some(path) => Self::open_onnx(path),
            None if default.is_file() => Self::open_onnx(default),
            None => {
                let weights = builtin::weights().context("the weights built into the program are broken")?;
                Ok(Self::of_weights(
                    "the weights built into the program".to_owned(),
                    weights,
                ))
            }
        }
    }

    fn open_onnx(path: &Path) -> Result<Self> {
        let model = match mbn_onnx::Model::load(path) {
            Ok(model) => model,
            Err(error) => {
                let advice = advice(path, &error.kind);
                return Err(error).hint(|| advice);
            }
        };
        let metadata = model
            .metadata()
            .with_context(|| format!("model file `{}` cannot be used", path.display()))?;
        Ok(Self {
            name: format!("`{}`", path.display()),
            metadata,
            sha256: model.weights_sha256().map(str::to_owned),
            precision: ModelPrecision::of(&model),
            content: Content::Onnx(path.to_owned(), model),
        })
    }

    fn of_weights(name: String, weights: Weights) -> Self {
        Self {
            name,
            metadata: weights.metadata().clone(),
            sha256: Some(weights.sha256()),
            precision: ModelPrecision::Float32,
            content: Content::Weights(weights),
        }
    }

    /// The model's name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was read from.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Hash of its weights, if the file states it.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The number format that it computes in.
    pub fn precision(&self) -> ModelPrecision {
        self.precision
    }

    /// Multiply-adds for an image, if the model is a MobileNetV1.
    pub fn multiply_adds(&self) -> Option<u64> {
        let architecture = Architecture::new(self.metadata.alpha?, 1);
        Some(architecture.summary(self.preprocess(None).size).multiply_adds())
    }

    /// Activation, epsilon and padding that the model states, or those that are not stated.
    pub fn variant(&self) -> Variant {
        self.metadata.variant.unwrap_or_default()
    }

    /// Class names, if the model names them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.metadata.classes.as_deref()
    }

    /// How pictures become its input: as the model says, else the defaults at the size of its input.
    pub fn preprocess(&self, input_size: Option<usize>) -> Preprocess {
        self.metadata.preprocess.unwrap_or_else(|| {
            let usual = Preprocess::default();
            Preprocess {
                size: input_size.unwrap_or(usual.size),
                ..usual
            }
        })
    }
}

/// Whether the file begins as weights do, whatever its name is. A pipe is left alone: it can be read only once.
fn holds_weights(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    let kind = read.ok().and_then(|_| FileKind::recognise(&head));
    matches!(kind, Some(FileKind::Safetensors | FileKind::PytorchZip))
}

/// What a user can do about a file that is no ONNX model.
fn advice(path: &Path, kind: &ModelErrorKind) -> String {
    let known = match kind {
        ModelErrorKind::OtherKind(kind) => other_kind(path, *kind),
        _ => None,
    };
    // What a converted checkpoint makes is weights, which `--model` takes as well.
    known.unwrap_or_else(|| {
        "`mbn-export --weights FILE OUT.onnx` makes a model of weights; `--model` takes it, or the weights themselves"
            .to_owned()
    })
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.metadata.alpha {
            Some(alpha) => write!(f, " (MobileNetV1, alpha {alpha})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use mbn_onnx::{ExportOptions, export};

    use super::*;

    #[test]
    fn files_are_read_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let weights = builtin::weights().unwrap();
        let (onnx, safetensors) = (folder.path().join("a.onnx"), folder.path().join("a.weights"));
        weights.save(&safetensors).unwrap();
        std::fs::write(
            &onnx,
            export(&weights, &ExportOptions::default()).unwrap().to_bytes(),
        )
        .unwrap();
        let (a, b) = (
            Model::open(Some(&onnx)).unwrap(),
            Model::open(Some(&safetensors)).unwrap(),
        );
        assert!(matches!(a.content(), Content::Onnx(..)) && matches!(b.content(), Content::Weights(_)));
        assert_eq!(a.sha256(), b.sha256());
        assert_eq!(a.class_names(), b.class_names());
        let missing = Model::open(Some(&folder.path().join("gone.onnx"))).unwrap_err();
        assert!(missing.to_string().contains("gone.onnx"), "{missing}");
    }
}
