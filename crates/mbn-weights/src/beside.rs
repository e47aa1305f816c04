//! What other libraries write beside their weights: configuration as JSON, with what the tensors do not show.

pub(crate) mod fields;
pub mod model;
pub(crate) mod timm;
pub(crate) mod transformers;

use mbn_spec::{Activation, Alpha, Preprocess, Stride2Padding, Variant};

use fields::BesideError;

/// The configuration of a network.
const CONFIG: &str = "config.json";
/// The configuration of its preprocessing, which transformers keeps apart.
const PREPROCESSOR: &str = "preprocessor_config.json";
/// The configuration of everything that prepares inputs, in which transformers 5 may keep that of the pictures.
const PROCESSOR: &str = "processor_config.json";

/// What the files beside the weights say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Described {
    /// The network that the configuration describes, if it is another one. Nothing else is set then.
    pub other_model: Option<String>,
    /// Width multiplier.
    pub alpha: Option<f64>,
    pub activation: Option<Activation>,
    pub epsilon: Option<f64>,
    pub padding: Option<Stride2Padding>,
    pub preprocess: Option<Preprocess>,
    /// The type of processor that a file names, if it is unknown and read as most types are.
    pub unknown_processor: Option<String>,
    /// What the values mean.
    pub meaning: Meaning,
    /// Class names, and the field that has them.
    pub classes: Option<(&'static str, Vec<String>)>,
    /// The files that say something about activation, epsilon or padding.
    pub variant_files: Vec<&'static str>,
    /// The files that say something about the preprocessing.
    pub preprocess_files: Vec<&'static str>,
    /// The file that names the classes.
    pub class_files: Vec<&'static str>,
}

/// What the values of a network mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Those of classes that exclude each other, as far as it is said.
    #[default]
    Classes,
    /// Those of classes of which several may be right at once.
    MultiLabel,
    /// Measures of something, and no classes'.
    Regression,
}

impl Described {
    /// Refuses values that are no classes'.
    pub fn require_classes(&self) -> Result<(), BesideError> {
        match self.meaning {
            Meaning::Classes | Meaning::MultiLabel => Ok(()),
            Meaning::Regression => Err(BesideError::new(
                CONFIG,
                format!(
                    "has `problem_type` `{}`, so the network is no classifier; expected a type of classes, or no `problem_type` if \
                     its values are those of classes",
                    transformers::REGRESSION
                ),
            )),
        }
    }

    /// The variant that is described; what is not described is as `usual`.
    pub fn variant(&self, usual: Variant) -> Variant {
        Variant {
            activation: self.activation.unwrap_or(usual.activation),
            batch_norm_epsilon: self.epsilon.unwrap_or(usual.batch_norm_epsilon),
            stride2_padding: self.padding.unwrap_or(usual.stride2_padding),
        }
    }

    /// Refuses a width multiplier that is not that of the tensors.
    pub fn require_alpha(&self, found: Alpha) -> Result<(), BesideError> {
        match self.alpha {
            Some(stated) if stated != found.value() => Err(BesideError::new(
                CONFIG,
                format!("has `depth_multiplier` {stated}, the tensors have alpha {found}"),
            )),
            _ => Ok(()),
        }
    }
}

/// What the arguments of a training script say, which a checkpoint keeps beside the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FromArguments {
    /// What they say, without names of files.
    pub described: Described,
    /// The arguments that say something about activation, epsilon or padding.
    pub variant_fields: Vec<&'static str>,
    /// The arguments that say something about the preprocessing.
    pub preprocess_fields: Vec<&'static str>,
    /// What of them cannot be followed, as messages.
    pub unused: Vec<String>,
}

/// Notes that a file says something.
fn note(files: &mut Vec<&'static str>, file: &'static str) {
    if !files.contains(&file) {
        files.push(file);
    }
}

#[cfg(test)]
mod tests;
