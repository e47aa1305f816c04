//! Settings that take one of a few names, on the command line and in files.

use clap::ValueEnum;
use mbn_model::{ActivationType, OptimizerKind};
use mbn_spec::Resize;
use serde::Serialize;

use super::named::read_by_name;

read_by_name!(ClassWeights, BadImages, ResizeName, OptimizerName, StepPrecision);

/// Weights of the classes in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every image counts the same.
    None,
    /// Every class counts the same.
    Balanced,
}

/// What to do about images that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BadImages {
    /// The run ends with an error that names them.
    Fail,
    /// The run goes on without them.
    Skip,
}

/// How an image of any size becomes square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResizeName {
    /// Resize the whole image to size x size.
    Square,
    /// Resize the shorter side to `--shorter`, then cut out the centre.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
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

    /// The argument for this optimiser.
    pub(crate) fn sgd_or_adamw<T>(self, sgd: T, adamw: T) -> T {
        match self {
            Self::Sgd => sgd,
            Self::Adamw => adamw,
        }
    }
}

/// Number format of the training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepPrecision {
    /// float32 throughout.
    F32,
    /// float32, with the operands of matrix products rounded to TF32; CUDA only.
    Tf32,
    /// Activations, their gradients and products in bfloat16; weights, statistics and optimiser in float32.
    Bf16,
}

impl StepPrecision {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Number format of activations and their gradients.
    pub fn activation_type(self) -> ActivationType {
        match self {
            Self::F32 | Self::Tf32 => ActivationType::F32,
            Self::Bf16 => ActivationType::Bf16,
        }
    }
}
