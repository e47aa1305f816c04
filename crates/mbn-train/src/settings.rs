//! What a run does, resolved from the command line and saved with the run.

use std::path::PathBuf;

use candle_core::DType;
use clap::ValueEnum;
use mbn_model::OptimizerKind;
use serde::{Deserialize, Serialize};

/// Everything that a run's result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Image folder.
    pub data: PathBuf,
    /// Width multiplier.
    pub alpha: f64,
    /// Height and width of the images.
    pub size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// Images of a step.
    pub batch_size: usize,
    /// Augmentation.
    pub recipe: Recipe,
    /// Optimiser.
    pub optimizer: OptimizerName,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Weight decay of convolutions and the classifier.
    pub weight_decay: f64,
    /// Epochs until the peak.
    pub warmup_epochs: f64,
    /// Label smoothing.
    pub label_smoothing: f64,
    /// Seed of every random stream.
    pub seed: u64,
    /// Weight file that the run started from.
    pub init: Option<PathBuf>,
    /// Number format of the step.
    pub precision: Precision,
}

/// Augmentation and regularisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// The whole image, resized, nothing else.
    Plain,
    /// Random resized crop, horizontal flip, label smoothing.
    Strong,
}

impl Recipe {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Strong => "strong",
        }
    }

    pub(crate) fn label_smoothing(self) -> f64 {
        match self {
            Self::Plain => 0.0,
            Self::Strong => 0.1,
        }
    }
}

/// Optimiser, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Nesterov momentum of 0.9.
    Sgd,
    /// Betas 0.9 and 0.999.
    Adamw,
}

impl OptimizerName {
    /// The optimiser with its fixed settings.
    pub fn kind(self) -> OptimizerKind {
        match self {
            Self::Sgd => OptimizerKind::Sgd {
                momentum: 0.9,
                nesterov: true,
            },
            Self::Adamw => OptimizerKind::AdamW {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
            },
        }
    }

    /// Default peak learning rate at batch size 64.
    pub(crate) fn learning_rate(self) -> f64 {
        match self {
            Self::Sgd => 0.1,
            Self::Adamw => 0.002,
        }
    }

    pub(crate) fn weight_decay(self) -> f64 {
        match self {
            Self::Sgd => 1e-4,
            Self::Adamw => 0.05,
        }
    }
}

/// Number format of the training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// float32 throughout.
    F32,
    /// float32, but the operands of products rounded to TF32: CUDA only.
    Tf32,
    /// Activations, their gradients and products in bfloat16; weights, statistics and optimiser in float32.
    Bf16,
}

impl Precision {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Format of activations and of their gradients.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}
