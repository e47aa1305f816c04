//! What is known of a weight file once it is read.

use crate::{Adaptation, Weights};

/// Weights as a file holds them.
#[derive(Clone, Debug)]
pub struct WeightFile {
    /// The weights. Without a classifier in the file, they have one of a single class, with zeros.
    pub weights: Weights,
    /// The library whose names the tensors have; empty for PyTorch's own.
    pub family: &'static str,
    /// Whether the file has a classifier.
    pub has_classifier: bool,
    /// What the file does not say itself.
    pub taken: Vec<Taken>,
    /// What is different about the file, for messages.
    pub adaptations: Vec<Adaptation>,
}

/// A part of the description that a file lacks, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Size, resize, mean and standard deviation.
    Preprocess(Source),
    /// Activation, epsilon and padding.
    Variant(Source),
    /// Class names.
    Classes(Source),
}

/// Where a part of the description comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// What was written with the weights.
    Stated {
        /// These files, in their folder.
        files: Vec<&'static str>,
        /// These arguments of the script that trained them, which the checkpoint keeps.
        arguments: Vec<&'static str>,
    },
    /// What the library publishes, or the default.
    Family,
}

/// Whether a file may lack the classifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// It must have one.
    #[default]
    Required,
    /// It may lack it, for a network that gets a new one.
    Optional,
}
