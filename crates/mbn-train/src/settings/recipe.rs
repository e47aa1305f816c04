//! The named sets of defaults.

use std::num::NonZeroUsize;

use clap::ValueEnum;
use serde::Serialize;

use super::named::read_by_name;
use super::{Freeze, OptimizerName};

read_by_name!(Recipe);

/// Defaults of the schedule, augmentation and regularisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// The whole image, resized, nothing else.
    Plain,
    /// Random resized crop, horizontal flip, label smoothing, weight decay five times that of the others.
    Strong,
    /// For weights that are trained already, and many images: short, at a low rate, with mild crops.
    FineTune,
    /// For weights that are trained already, and few images: only the classifier is trained.
    Classifier,
}

/// Training images for each class from which on the whole network is trained. `docs/experiments.md` has the accuracies below
/// and above.
const ENOUGH_FOR_ALL: usize = 100;

impl Recipe {
    /// Every recipe, the default first.
    pub(crate) const ALL: [Self; 4] = [Self::Strong, Self::Plain, Self::FineTune, Self::Classifier];

    /// The default for a run that starts from weights trained for other classes. With few images, the network forgets more
    /// than it learns.
    pub(crate) fn for_new_classes(images: usize, classes: usize) -> Self {
        match images >= ENOUGH_FOR_ALL * classes {
            true => Self::FineTune,
            false => Self::Classifier,
        }
    }

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Strong => "strong",
            Self::FineTune => "fine-tune",
            Self::Classifier => "classifier",
        }
    }

    /// Whether the recipe is for weights that are trained already.
    pub(crate) fn is_for_trained_weights(self) -> bool {
        matches!(self, Self::FineTune | Self::Classifier)
    }

    /// Whether images are changed at random.
    pub(super) fn augments(self) -> bool {
        self != Self::Plain
    }

    /// Passes over the training set.
    pub(super) fn epochs(self) -> NonZeroUsize {
        const LONG: NonZeroUsize = NonZeroUsize::new(50).unwrap();
        const SHORT: NonZeroUsize = NonZeroUsize::new(10).unwrap();
        match self {
            Self::Plain | Self::Strong => LONG,
            Self::FineTune | Self::Classifier => SHORT,
        }
    }

    /// Peak learning rate for a batch of 64.
    pub(super) fn lr(self, optimizer: OptimizerName) -> f64 {
        match self {
            Self::Plain | Self::Strong => optimizer.sgd_or_adamw(0.1, 0.002),
            Self::FineTune => optimizer.sgd_or_adamw(0.02, 0.0005),
            Self::Classifier => optimizer.sgd_or_adamw(0.05, 0.003),
        }
    }

    /// Weight decay of convolutions and classifier. `docs/experiments.md` has the comparison that chose the one of `strong`.
    pub(super) fn weight_decay(self, optimizer: OptimizerName) -> f64 {
        match self {
            Self::Strong => optimizer.sgd_or_adamw(5e-4, 0.05),
            Self::Plain | Self::FineTune | Self::Classifier => optimizer.sgd_or_adamw(1e-4, 0.05),
        }
    }

    /// Decay of the averaged weights.
    pub(super) fn ema(self) -> f64 {
        match self {
            // The schedule ends at a rate of 0, where the last steps hardly differ.
            Self::Plain | Self::Strong | Self::Classifier => 0.0,
            Self::FineTune => 0.99,
        }
    }

    /// Label smoothing.
    pub(super) fn label_smoothing(self) -> f64 {
        match self {
            Self::Strong => 0.1,
            Self::FineTune => 0.05,
            Self::Plain | Self::Classifier => 0.0,
        }
    }

    /// Least and most area of a crop. The network is fine-tuned on almost whole images, because it is tested on such.
    pub(super) fn crop_scale(self) -> [f64; 2] {
        match self {
            Self::FineTune => [0.7, 1.0],
            Self::Plain | Self::Strong | Self::Classifier => [0.35, 1.0],
        }
    }

    /// The frozen blocks.
    pub(super) fn freeze(self) -> Freeze {
        match self {
            Self::Classifier => Freeze::ALL,
            Self::Plain | Self::Strong | Self::FineTune => Freeze::NONE,
        }
    }
}
