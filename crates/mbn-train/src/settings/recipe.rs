//! The named sets of defaults.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Defaults of augmentation and regularisation.
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
        self.plain_or_strong("plain", "strong")
    }

    /// The argument for this recipe.
    pub(crate) fn plain_or_strong<T>(self, plain: T, strong: T) -> T {
        match self {
            Self::Plain => plain,
            Self::Strong => strong,
        }
    }
}
