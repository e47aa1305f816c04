//! Settings that are one of a few names, on the command line and in files alike.

use candle_core::DType;
use clap::ValueEnum;
use mbn_model::OptimizerKind;
use mbn_spec::Resize;
use serde::{Deserialize, Serialize};

/// Weights of the classes in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every image counts the same.
    None,
    /// Every class counts the same.
    Balanced,
}

/// How a picture of any size becomes a square one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResizeName {
    /// The whole picture to size x size.
    Square,
    /// The shorter side to 256/224 of the size, then the centre.
    Crop,
}

impl From<ResizeName> for Resize {
    fn from(name: ResizeName) -> Self {
        match name {
            ResizeName::Square => Self::Square,
            ResizeName::Crop => Self::Crop,
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
