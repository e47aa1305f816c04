//! What a run does, with every default resolved, as it is saved with the run.

use std::path::PathBuf;

use anyhow::Result;
use candle_core::DType;
use clap::ValueEnum;
use mbn_cli::UsageError;
use mbn_data::{Augment, ColorJitter, Erasing, Mixing, Policy};
use mbn_model::OptimizerKind;
use mbn_spec::Alpha;
use serde::{Deserialize, Serialize};

use crate::recipe::Recipe;
use crate::run_args::RunArgs;
use crate::values::{CropScale, Freeze, RandAugment, Size, StartSize};

/// Everything that a run's result depends on; 0 switches a part off. The names in files are those of the options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Image folder, or folder of STL-10's binary files.
    pub data: PathBuf,
    /// Fold of STL-10 that is trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Width multiplier.
    pub alpha: Alpha,
    /// Height and width of the images.
    pub size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// Images of a step.
    pub batch_size: usize,
    /// Where the defaults come from.
    pub recipe: Recipe,
    /// Seed of every random stream.
    pub seed: u64,
    /// Weight file that the run started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// File of the class names of these weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_classes: Option<PathBuf>,
    /// What does not train.
    pub freeze: Freeze,
    /// Number format of the step.
    pub precision: Precision,
    /// Epochs without a better test accuracy after which the run stops.
    pub patience: usize,
    /// Optimiser.
    pub optimizer: OptimizerName,
    /// Peak learning rate.
    #[serde(rename = "lr")]
    pub learning_rate: f64,
    /// Epochs until the peak.
    #[serde(rename = "warmup")]
    pub warmup_epochs: f64,
    /// Weight decay of convolutions and the classifier.
    pub weight_decay: f64,
    /// Largest global norm of the gradients.
    pub clip_norm: f64,
    /// Decay of the moving average of the weights.
    pub ema: f64,
    /// Label smoothing.
    pub label_smoothing: f64,
    /// Weights of the classes in the loss.
    pub class_weights: ClassWeights,
    /// Whether training images are cropped.
    pub crop: bool,
    /// Smallest and largest part of the area that a crop takes.
    pub crop_scale: CropScale,
    /// Probability of mirroring.
    pub flip: f64,
    /// Largest change of brightness, contrast and saturation.
    pub color_jitter: f64,
    /// One random operation of random strength.
    pub trivial_augment: bool,
    /// Random operations of one strength.
    pub rand_augment: RandAugment,
    /// Probability of erasing a box.
    pub erasing: f64,
    /// Parameter of mixup's distribution.
    pub mixup: f64,
    /// Parameter of cutmix's distribution.
    pub cutmix: f64,
    /// Size of the images of the first epochs.
    pub progressive: usize,
}

impl Settings {
    /// What `args` say, and the recipe's and the optimiser's defaults where they say nothing. `init_alpha` is the
    /// width of the weights that the run starts from.
    ///
    /// # Errors
    /// [`UsageError`] where options contradict each other.
    pub fn resolve(args: RunArgs, data: PathBuf, init_alpha: Option<Alpha>) -> Result<Self> {
        let args = args.over(RunArgs::default());
        let recipe = args.recipe.unwrap_or(Recipe::Strong);
        let defaults = recipe.defaults();
        let optimizer = args.optimizer.unwrap_or(OptimizerName::Sgd);
        let epochs = args.epochs.map_or(50, usize::from);
        let batch_size = args.batch_size.map_or(64, usize::from);
        let size = args.size.map_or(224, Size::get);
        let number = |given: Option<f64>, default: f64| given.unwrap_or(default);
        let settings = Self {
            data,
            fold: args.fold,
            alpha: args.alpha.or(init_alpha).unwrap_or(Alpha::One),
            size,
            epochs,
            batch_size,
            recipe,
            seed: args.seed.unwrap_or(0),
            init: args.init,
            init_classes: args.init_classes,
            freeze: args.freeze.unwrap_or(Freeze::NONE),
            precision: args.precision.unwrap_or(Precision::F32),
            patience: args.patience.unwrap_or(0),
            optimizer,
            learning_rate: number(
                args.lr.map(f64::from),
                optimizer.learning_rate() * batch_size as f64 / 64.0,
            ),
            warmup_epochs: number(args.warmup.map(f64::from), (epochs as f64 / 20.0).min(5.0)),
            weight_decay: number(args.weight_decay.map(f64::from), optimizer.weight_decay()),
            clip_norm: number(args.clip_norm.map(f64::from), 0.0),
            ema: number(args.ema.map(f64::from), defaults.ema),
            label_smoothing: number(args.label_smoothing.map(f64::from), defaults.label_smoothing),
            class_weights: args.class_weights.unwrap_or(ClassWeights::None),
            crop: args.crop.unwrap_or(defaults.crop),
            crop_scale: match args.crop_scale {
                Some(scale) => scale,
                None => CropScale::try_from(defaults.crop_scale).map_err(UsageError)?,
            },
            flip: number(args.flip.map(f64::from), defaults.flip),
            color_jitter: number(args.color_jitter.map(f64::from), 0.0),
            trivial_augment: args.trivial_augment.unwrap_or(false),
            rand_augment: args.rand_augment.unwrap_or(RandAugment::OFF),
            erasing: number(args.erasing.map(f64::from), 0.0),
            mixup: number(args.mixup.map(f64::from), 0.0),
            cutmix: number(args.cutmix.map(f64::from), 0.0),
            progressive: args.progressive.map_or(0, StartSize::get),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let usage = |message: String| Err(UsageError(message).into());
        if self.warmup_epochs > self.epochs as f64 {
            let (warmup, epochs) = (self.warmup_epochs, self.epochs);
            return usage(format!("`--warmup {warmup}` is more than `--epochs {epochs}`"));
        }
        if self.init.is_none() && self.init_classes.is_some() {
            return usage("`--init-classes` names the classes of `--init`, which is not given".into());
        }
        if self.progressive > self.size {
            let (start, size) = (self.progressive, self.size);
            return usage(format!("`--progressive {start}` is more than `--size {size}`"));
        }
        if self.trivial_augment && self.rand_augment.operations > 0 {
            return usage("`--trivial-augment` and `--rand-augment` exclude each other".into());
        }
        self.augment()
            .validate()
            .map_err(|error| UsageError(error.to_string()))?;
        Ok(())
    }

    /// The random changes to training images.
    pub fn augment(&self) -> Augment {
        let jitter = self.color_jitter as f32;
        Augment {
            crop: self.crop,
            scale: self.crop_scale.get().map(|part| part as f32),
            flip: self.flip as f32,
            color_jitter: ColorJitter {
                brightness: jitter,
                contrast: jitter,
                saturation: jitter,
                hue: 0.0,
            },
            policy: match self.rand_augment {
                _ if self.trivial_augment => Policy::TrivialAugment,
                RandAugment { operations: 0, .. } => Policy::None,
                RandAugment {
                    operations,
                    magnitude,
                } => Policy::RandAugment {
                    ops: operations as usize,
                    magnitude,
                },
            },
            erasing: Erasing {
                probability: self.erasing as f32,
                ..Erasing::default()
            },
            mixing: Mixing {
                mixup: self.mixup as f32,
                cutmix: self.cutmix as f32,
                ..Mixing::default()
            },
            ..Augment::none()
        }
    }
}

/// Weights of the classes in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every image counts the same.
    None,
    /// Every class counts the same.
    Balanced,
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
