//! The metadata of a weight file or an ONNX file, as string pairs.

mod json;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Alpha, Preprocess, Variant};

/// Value of the `architecture` key.
pub const ARCHITECTURE: &str = "mobilenet_v1";

/// Value of the `problem_type` key where several classes may be right at once, as transformers names it.
pub const MULTI_LABEL: &str = "multi_label_classification";

/// How the weights were trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// Name of the data set.
    pub data_set: String,
    /// Name of the recipe.
    pub recipe: String,
    /// Epochs trained up to these weights.
    pub epochs: usize,
    /// Accuracy on the test set in per cent.
    pub accuracy: f64,
    /// Seed of every random stream.
    pub seed: u64,
    /// Part of the training images that was held out as the test set, chosen by the seed; `None` if the data set has a
    /// test set of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_fraction: Option<f64>,
    /// Hash that tells whether the accuracy of other weights was measured on the same images; `None` in files of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_fingerprint: Option<String>,
    /// Name on the Hugging Face Hub of the weights that training started from: `hf:OWNER/NAME@COMMIT:FILE`; `None` for a
    /// file, and for random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Hash of the weights that training started from; `None` for random ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_sha256: Option<String>,
    /// What the network learned from beside the labels; `None` if from nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distilled: Option<Distilled>,
    /// Version of the program that trained.
    pub version: String,
}

/// A network whose answers another one learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distilled {
    /// Name of the teacher's weights on the Hugging Face Hub: `hf:OWNER/NAME@COMMIT:FILE`; `None` for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Hash of the teacher's weights.
    pub teacher_sha256: String,
    /// The teacher's width multiplier.
    pub teacher_alpha: Alpha,
    /// Height and width of the teacher's images.
    pub teacher_size: usize,
    /// The teacher's accuracy on the same test set in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_accuracy: Option<f64>,
    /// Share of the teacher in the loss.
    pub weight: f64,
    /// What the logits were divided by.
    pub temperature: f64,
}

/// The metadata of a model file; each part may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Width multiplier.
    pub alpha: Option<Alpha>,
    /// Class names in the order of the logits.
    pub classes: Option<Vec<String>>,
    /// Preprocessing that the weights were trained with.
    pub preprocess: Option<Preprocess>,
    /// Activation, epsilon and padding; `None` means PyTorch's.
    pub variant: Option<Variant>,
    /// How the weights were trained.
    pub training: Option<Training>,
    /// Whether several classes may be right at once: a probability is then the sigmoid of its logit.
    pub multi_label: bool,
}

/// Metadata that is present but unusable.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The file holds another network.
    #[error("metadata `architecture` is `{0}`, expected `{ARCHITECTURE}`")]
    Architecture(String),
    /// A value cannot be read.
    #[error("metadata `{key}` cannot be read: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
}

/// `class_0`, `class_1`, ...: names for classes that have none.
pub fn default_class_names(classes: usize) -> Vec<String> {
    (0..classes).map(|i| format!("class_{i}")).collect()
}

impl Metadata {
    /// The string pairs, in a fixed order. Missing parts are left out.
    pub fn to_pairs(&self) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::from([("architecture".to_owned(), ARCHITECTURE.to_owned())]);
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                pairs.insert(key.to_owned(), value);
            }
        };
        add("alpha", self.alpha.map(|alpha| alpha.to_string()));
        add("classes", self.classes.as_ref().map(to_json));
        add("preprocess", self.preprocess.as_ref().map(to_json));
        add(
            "variant",
            self.variant
                .as_ref()
                .filter(|v| **v != Variant::default())
                .map(to_json),
        );
        add("training", self.training.as_ref().map(to_json));
        add("problem_type", self.multi_label.then(|| MULTI_LABEL.to_owned()));
        pairs
    }

    /// Reads what [`Metadata::to_pairs`] wrote; unknown keys are ignored.
    ///
    /// # Errors
    /// [`MetadataError`] if a key is present and its value unusable.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, MetadataError> {
        let mut metadata = Metadata::default();
        for (key, value) in pairs {
            metadata.read(key, value)?;
        }
        Ok(metadata)
    }

    /// Reads a pair; an unknown key is ignored.
    fn read(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        match key {
            "architecture" if value != ARCHITECTURE => {
                return Err(MetadataError::Architecture(value.to_owned()));
            }
            "alpha" => {
                let alpha = value.parse::<Alpha>();
                self.alpha = Some(alpha.map_err(|error| value_error("alpha", error))?);
            }
            "classes" => self.classes = Some(parse("classes", value)?),
            "preprocess" => {
                let preprocess: Preprocess = parse("preprocess", value)?;
                preprocess
                    .validate()
                    .map_err(|error| value_error("preprocess", error))?;
                self.preprocess = Some(preprocess);
            }
            "variant" => {
                let variant: Variant = parse("variant", value)?;
                variant
                    .validate()
                    .map_err(|error| value_error("variant", error))?;
                self.variant = Some(variant);
            }
            "problem_type" => self.multi_label = value == MULTI_LABEL,
            "training" => self.training = Some(parse("training", value)?),
            _ => {}
        }
        Ok(())
    }
}

/// The metadata of a model that any tool may have written.
#[derive(Debug)]
pub struct ModelMetadata {
    /// What it says in this project's terms. Of another tool's model, the class names and the preprocessing alone.
    pub metadata: Metadata,
    /// Whether it says that the model is this project's network.
    pub is_ours: bool,
    /// Keys of another tool that are called like ours and mean something else.
    pub collisions: Vec<MetadataError>,
}

impl ModelMetadata {
    /// Reads the pairs of a model. Those of another tool may have any values under any key.
    ///
    /// # Errors
    /// As [`Metadata::from_pairs`], if the pairs say that the model is this project's.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, MetadataError> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        if pairs.contains(&("architecture", ARCHITECTURE)) {
            return Ok(Self {
                metadata: Metadata::from_pairs(pairs)?,
                is_ours: true,
                collisions: Vec::new(),
            });
        }
        let (mut metadata, mut collisions) = (Metadata::default(), Vec::new());
        for (key, value) in pairs {
            if ["architecture", "classes", "preprocess"].contains(&key)
                && let Err(error) = metadata.read(key, value)
            {
                collisions.push(error);
            }
        }
        Ok(Self {
            metadata,
            is_ours: false,
            collisions,
        })
    }
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs of numbers and strings are always JSON")
}

fn parse<T: DeserializeOwned>(key: &'static str, value: &str) -> Result<T, MetadataError> {
    json::parse(value).map_err(|error| value_error(key, error))
}

fn value_error(key: &'static str, error: impl ToString) -> MetadataError {
    MetadataError::Value {
        key,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
