//! The model that the user names: an ONNX file, a weight file, or the weights built into the program.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_cli::Hint;
use mbn_spec::{Metadata, Preprocess};
use mbn_weights::{Weights, is_weight_file};

use crate::builtin;

/// The model that is taken where the user names none and it exists.
const DEFAULT_MODEL: &str = "model.onnx";

/// ONNX's numbers of element types, as far as they tell a precision.
const UINT8: i32 = 2;
const INT8: i32 = 3;
const FLOAT16: i32 = 10;
const BFLOAT16: i32 = 16;

/// A model with what it says of itself.
#[derive(Debug)]
pub struct Model {
    name: String,
    content: Content,
    metadata: Metadata,
    sha256: Option<String>,
    precision: Precision,
}

/// What a model was read from.
#[derive(Debug)]
pub enum Content {
    /// An ONNX file.
    Onnx(PathBuf, mbn_onnx::Model),
    /// Weights.
    Weights(Weights),
}

/// What a model computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// float32
    Float32,
    /// float16 or bfloat16
    Float16,
    /// 8-bit integers
    Int8,
}

impl Model {
    /// Reads the file `path`; without one `model.onnx` of the current folder, else the built-in weights.
    ///
    /// # Errors
    /// The file cannot be read, or is no model.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let default = Path::new(DEFAULT_MODEL);
        match path {
            Some(path) if is_weight_file(path) => Ok(Self::of_weights(
                format!("`{}`", path.display()),
                Weights::load(path)?,
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
        let model = mbn_onnx::Model::load(path).hint(|| {
            "`mbn-export OUT.onnx` makes a model; `--model` takes it, or a `.safetensors` file".to_owned()
        })?;
        let metadata = model
            .metadata()
            .with_context(|| format!("model file `{}` cannot be used", path.display()))?;
        Ok(Self {
            name: format!("`{}`", path.display()),
            metadata,
            sha256: model.weights_sha256().map(str::to_owned),
            precision: precision(&model),
            content: Content::Onnx(path.to_owned(), model),
        })
    }

    fn of_weights(name: String, weights: Weights) -> Self {
        Self {
            name,
            metadata: weights.metadata().clone(),
            sha256: Some(weights.sha256()),
            precision: Precision::Float32,
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

    /// Hash of its weights, where it tells it.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// What it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Class names, if the model names them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.metadata.classes.as_deref()
    }

    /// How pictures become its input. Where the model does not say: as usual, at the size that its input has.
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

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.metadata.alpha {
            Some(alpha) => write!(f, " (MobileNetV1, alpha {alpha})"),
            None => Ok(()),
        }
    }
}

/// The least precise type among the constants that are not indexes or shapes.
fn precision(model: &mbn_onnx::Model) -> Precision {
    let graph = model.proto().graph.as_ref();
    let constants = graph.map_or(&[][..], |graph| &graph.initializer);
    let has = |types: [i32; 2]| {
        constants
            .iter()
            .any(|c| c.data_type.is_some_and(|t| types.contains(&t)))
    };
    if has([INT8, UINT8]) {
        Precision::Int8
    } else if has([FLOAT16, BFLOAT16]) {
        Precision::Float16
    } else {
        Precision::Float32
    }
}

#[cfg(test)]
mod tests {
    use mbn_onnx::{ExportOptions, export};

    use super::*;

    #[test]
    fn precision_follows_from_the_constants() {
        let weights = builtin::weights().unwrap();
        for (written, found) in [
            (mbn_onnx::Precision::Fp32, Precision::Float32),
            (mbn_onnx::Precision::Fp16, Precision::Float16),
        ] {
            let options = ExportOptions {
                precision: written,
                ..ExportOptions::default()
            };
            assert_eq!(precision(&export(&weights, &options).unwrap()), found);
        }
    }

    #[test]
    fn files_are_read_by_their_extension() {
        let folder = tempfile::tempdir().unwrap();
        let weights = builtin::weights().unwrap();
        let (onnx, safetensors) = (folder.path().join("a.onnx"), folder.path().join("a.safetensors"));
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
