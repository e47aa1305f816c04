//! What a recipe sets where neither an option nor a configuration file does.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The parts in which recipes differ.
pub(crate) struct RecipeDefaults {
    pub ema: f64,
    pub label_smoothing: f64,
    pub crop: bool,
    pub crop_scale: [f64; 2],
    pub flip: f64,
}

/// Augmentation and regularisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// The whole image, resized, nothing else.
    Plain,
    /// Random resized crop, horizontal flip, label smoothing, moving average of the weights.
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

    pub(crate) fn defaults(self) -> RecipeDefaults {
        match self {
            Self::Plain => RecipeDefaults {
                ema: 0.0,
                label_smoothing: 0.0,
                crop: false,
                crop_scale: [0.35, 1.0],
                flip: 0.0,
            },
            Self::Strong => RecipeDefaults {
                ema: 0.999,
                label_smoothing: 0.1,
                crop: true,
                crop_scale: [0.35, 1.0],
                flip: 0.5,
            },
        }
    }
}
