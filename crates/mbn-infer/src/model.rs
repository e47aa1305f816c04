//! The model that the user names: an ONNX file, a weight file, or the weights built into the program.

mod files;
mod foreign;

use std::fmt;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_cli::{Hint, Overrides, Wanted, load_weights_with, named_file};
use mbn_engine::engine::Reading;
use mbn_engine::images::PixelType;
use mbn_engine::precision::ModelPrecision;
use mbn_files::or_current;
use mbn_onnx::foreign::{Heads, Layout, external_files, may_pool_padding};
use mbn_spec::{Architecture, Metadata, Preprocess, Training, Variant};
use mbn_weights::{Quantized, Weights, is_weight_file};

use crate::builtin;
use crate::given::Given;
use files::{advice, holds_weights, is_folder_of_weights, require_file};
pub use foreign::Foreign;

/// The model to use if the user names none and this file exists.
pub(crate) const DEFAULT_MODEL: &str = "model.onnx";

/// A model and its metadata.
#[derive(Debug)]
pub struct Model {
    name: String,
    content: Content,
    metadata: Metadata,
    foreign: Option<Foreign>,
    /// The folder of the weights, whose files may describe them.
    beside_weights: Option<PathBuf>,
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
    /// Weights get the preprocessing that is given.
    ///
    /// # Errors
    /// The file cannot be fetched or read, or is not a model; no picture can follow the preprocessing.
    pub fn open(path: Option<&Path>, given: &Given) -> Result<Self> {
        let default = Path::new(DEFAULT_MODEL);
        let named = path.map(|path| named_file(path, Wanted::Model)).transpose()?;
        match named.as_ref().map(|named| named.path.as_path()) {
            Some(path) if is_weight_file(path) || holds_weights(path) || is_folder_of_weights(path) => {
                let overrides = Overrides {
                    images: given.parts,
                    ..Overrides::default()
                };
                let weights = load_weights_with(path, &overrides)?;
                let model = Self::of_weights(format!("`{}`", path.display()), weights, given)?;
                Ok(Self {
                    beside_weights: path.parent().map(|folder| or_current(folder).to_owned()),
                    ..model
                })
            }
            Some(path) => {
                require_file(path)?;
                Self::open_onnx(path)
            }
            None if default.is_file() => Self::open_onnx(default),
            None => {
                let weights = builtin::weights().context("the weights built into the program are broken")?;
                Self::of_weights("the weights built into the program".to_owned(), weights, given)
            }
        }
    }

    fn open_onnx(path: &Path) -> Result<Self> {
        let model = match mbn_onnx::Model::load(path) {
            Ok(model) => model,
            Err(error) => {
                let Some(advice) = advice(path, &error.kind) else {
                    return Err(error.into());
                };
                return Err(error).hint(|| advice);
            }
        };
        let read = model
            .any_metadata()
            .with_context(|| format!("model file `{}` cannot be used", path.display()))?;
        Ok(Self {
            name: format!("`{}`", path.display()),
            beside_weights: None,
            foreign: (!read.is_ours).then(|| Foreign::new(path, &model, &read)),
            metadata: read.metadata,
            sha256: model.weights_sha256().map(str::to_owned),
            precision: ModelPrecision::of(&model),
            content: Content::Onnx(path.to_owned(), model),
        })
    }

    fn of_weights(name: String, weights: Weights, given: &Given) -> Result<Self> {
        let mut metadata = weights.metadata().clone();
        let usual = metadata.preprocess.unwrap_or_default();
        let preprocess = given
            .over(usual)
            .with_context(|| format!("{name} cannot be used"))?;
        if preprocess != usual {
            metadata.preprocess = Some(preprocess);
        }
        let weights = weights.with_metadata(metadata.clone())?;
        Ok(Self {
            name,
            metadata,
            foreign: None,
            beside_weights: None,
            sha256: Some(weights.sha256()),
            precision: ModelPrecision::Float32,
            content: Content::Weights(weights),
        })
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

    /// Its integers, if it is an int8 file of this project that nobody changed.
    pub fn integers(&self) -> Option<Quantized> {
        match &self.content {
            Content::Onnx(_, onnx) if self.precision == ModelPrecision::Int8 => {
                onnx.written().ok()?.quantized
            }
            _ => None,
        }
    }

    /// Whether this project's resizing made the pictures that it was trained on. Where another library's did, pictures are to have
    /// Pillow's pixels to the bit.
    pub fn is_trained_here(&self) -> bool {
        self.foreign.is_none() && self.metadata.training.is_some()
    }

    /// What tells it from others.
    pub fn id(&self) -> ModelId {
        match &self.content {
            Content::Onnx(path, onnx) => {
                let beside = external_files(onnx)
                    .into_iter()
                    .map(|file| path.with_file_name(file));
                // Those that are missing were not read: candle takes other weights then.
                let files = iter::once(path.clone()).chain(beside.filter(|file| file.is_file()));
                ModelId::Files(files.collect())
            }
            Content::Weights(weights) => ModelId::Weights(weights.sha256()),
        }
    }

    /// Files with the data of its constants that are not where the model says.
    pub fn missing_files(&self) -> Vec<PathBuf> {
        match &self.content {
            Content::Onnx(path, onnx) => {
                let beside = external_files(onnx)
                    .into_iter()
                    .map(|file| path.with_file_name(file));
                beside.filter(|file| !file.exists()).collect()
            }
            Content::Weights(_) => Vec::new(),
        }
    }

    /// What is known about it if another tool wrote it.
    pub fn foreign(&self) -> Option<&Foreign> {
        self.foreign.as_ref()
    }

    /// Folders with files of another library that may describe it.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        let foreign = self.foreign.iter().flat_map(|foreign| &foreign.folders);
        foreign.chain(&self.beside_weights).map(PathBuf::as_path)
    }

    /// What its graph shows about its input and outputs. `output` is the output that the user names, `classes` the number of
    /// class names.
    pub fn reading(&self, output: Option<&str>, classes: Option<usize>) -> Reading {
        let (heads, layout) = match &self.content {
            Content::Onnx(_, model) => (Heads::of(model), Layout::of_model(model)),
            Content::Weights(_) => Default::default(),
        };
        Reading {
            heads,
            layout,
            output: output.map(str::to_owned),
            classes,
            blue_first: false,
            fuses_pads: match &self.content {
                Content::Onnx(_, model) => !may_pool_padding(model),
                Content::Weights(_) => true,
            },
        }
    }

    /// What its input takes. candle takes floats in its place.
    pub fn pixel_type(&self) -> PixelType {
        match &self.content {
            Content::Onnx(_, onnx) if onnx.takes_bytes() => match onnx.resizes_inside() {
                true => PixelType::Pictures,
                false => PixelType::Uint8,
            },
            Content::Onnx(..) | Content::Weights(_) => PixelType::Float,
        }
    }

    /// The number of images that it takes at once, if it fixes that.
    pub fn fixed_batch(&self) -> Option<usize> {
        match &self.content {
            Content::Onnx(_, onnx) => onnx.fixed_batch(),
            Content::Weights(_) => None,
        }
    }

    /// Multiply-adds for an image of this size, if the model is a MobileNetV1.
    pub fn multiply_adds(&self, size: usize) -> Option<u64> {
        let architecture = Architecture::new(self.metadata.alpha?, 1);
        Some(architecture.summary(size).multiply_adds())
    }

    /// Activation, epsilon and padding that the model states, or those that are not stated.
    pub fn variant(&self) -> Variant {
        self.metadata.variant.unwrap_or_default()
    }

    /// Class names, if the model names them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.metadata.classes.as_deref()
    }

    /// How this project trained it, if that is so.
    pub fn training(&self) -> Option<&Training> {
        self.metadata.training.as_ref().filter(|_| self.foreign.is_none())
    }

    /// Whether it says in this project's terms that several classes may be right at once.
    pub fn is_multi_label(&self) -> bool {
        self.metadata.multi_label
    }

    /// How pictures become its input, if the model says it in this project's terms.
    pub fn stated_preprocess(&self) -> Option<Preprocess> {
        self.metadata.preprocess
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

/// What tells a model from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelId {
    /// An ONNX file, and the files beside it that hold its constants.
    Files(Vec<PathBuf>),
    /// The hash of weights.
    Weights(String),
}

#[cfg(test)]
mod tests;
