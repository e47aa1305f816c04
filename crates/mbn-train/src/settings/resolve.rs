//! What a run does, with every default resolved, as it is saved with the run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::UsageError;
use mbn_data::{Augment, ColorJitter, Erasing, Mixing, Policy};
use mbn_spec::Alpha;
use serde::{Deserialize, Serialize};

use crate::settings::{
    ClassWeights, CropScale, Freeze, OptimizerName, Precision, RandAugment, Recipe, ResizeName, RunArgs,
    Size, StartSize,
};

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
    /// Height and width of test images.
    pub size: usize,
    /// Those of training images, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_size: Option<usize>,
    /// How pictures become square, if not as the weights that the run started from have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeName>,
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
            train_size: args.train_size.map(Size::get).filter(|train| *train != size),
            resize: args.resize,
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
        self.require_utf8()?;
        if self.warmup_epochs > self.epochs as f64 {
            let (warmup, epochs) = (self.warmup_epochs, self.epochs);
            return usage(format!("`--warmup {warmup}` is more than `--epochs {epochs}`"));
        }
        if self.init.is_none() && self.init_classes.is_some() {
            return usage("`--init-classes` names the classes of `--init`, which is not given".into());
        }
        if self.init.is_none() && self.freeze != Freeze::NONE {
            return usage(
                "`--freeze` keeps weights of `--init`, which is not given: random ones would stay".into(),
            );
        }
        if self.progressive > self.largest_train_size() {
            let (start, size) = (self.progressive, self.largest_train_size());
            let option = self.train_size.map_or("--size", |_| "--train-size");
            return usage(format!("`--progressive {start}` is more than `{option} {size}`"));
        }
        if self.trivial_augment && self.rand_augment.operations > 0 {
            return usage("`--trivial-augment` and `--rand-augment` exclude each other".into());
        }
        self.augment()
            .validate()
            .map_err(|error| UsageError(error.to_string()))?;
        Ok(())
    }

    /// Height and width of training images, of the last epochs where they grow.
    pub fn largest_train_size(&self) -> usize {
        self.train_size.unwrap_or(self.size)
    }

    /// Whether training images always have the size of those of tests.
    pub fn has_one_size(&self) -> bool {
        self.train_size.is_none() && (self.progressive == 0 || self.progressive == self.size)
    }

    /// Refuses paths that the run's files could not name.
    pub(crate) fn require_utf8(&self) -> Result<()> {
        require_utf8("--data", &self.data)?;
        for (option, path) in [("--init", &self.init), ("--init-classes", &self.init_classes)] {
            if let Some(path) = path {
                require_utf8(option, path)?;
            }
        }
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

/// Refuses the path of an option that text cannot hold.
pub(crate) fn require_utf8(option: &str, path: &Path) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    let message = format!(
        "`{option} {}` is not UTF-8, which the files of the run are; rename it, or name a link to it",
        path.display()
    );
    Err(UsageError(message).into())
}
