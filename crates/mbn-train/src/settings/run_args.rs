//! What a run does, as the command line and a configuration file say it: every part may be left out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use mbn_spec::Alpha;
use serde::Deserialize;

use crate::settings::{
    BetaParameter, ClassWeights, CropScale, Fraction, Freeze, NonNegative, OptimizerName, Positive,
    Precision, Probability, RandAugment, Recipe, ResizeName, Size, StartSize,
};

/// Every option that a run's result depends on. A configuration file has the same names without the dashes.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Data set to train on: an image folder or STL-10's binary files [default: data/stl10_binary]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Train on pre-defined fold K of STL-10, 0 to 9, a fifth of the training images
    #[arg(long, value_name = "K")]
    pub fold: Option<usize>,

    /// Width multiplier: 0.25, 0.5, 0.75 or 1.0; with `--init` it can be that of its weights alone [default: that, else
    /// 1.0]
    #[arg(long)]
    pub alpha: Option<Alpha>,

    /// Height and width of the images, in tests and, without `--train-size`, in training [default: 224]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<Size>,

    /// Height and width of training images, where tests have `--size`: random crops show things larger than whole images
    /// do, which larger test images make up for [default: as `--size`]
    #[arg(long, value_name = "PIXELS")]
    pub train_size: Option<Size>,

    /// How test images become square, and training images that are not cropped at random [default: that of `--init`, else
    /// square]
    #[arg(long, value_enum)]
    pub resize: Option<ResizeName>,

    /// Passes over the training set [default: 50]
    #[arg(long, value_name = "N")]
    pub epochs: Option<NonZeroUsize>,

    /// Images of a training step [default: 64]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<NonZeroUsize>,

    /// Defaults of augmentation and regularisation: `plain` has none [default: strong]
    #[arg(long, value_enum)]
    pub recipe: Option<Recipe>,

    /// Seed of initial weights, data order and augmentation [default: 0]
    // No more than TOML's integers hold.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,

    /// Weight file to start from: ours, a PyTorch state dict, or Keras's weights in safetensors [default: random weights]
    #[arg(long, value_name = "WEIGHTS")]
    pub init: Option<PathBuf>,

    /// Class names of `--init`, a line each, above its own: the classifier keeps those that the data set has too
    #[arg(long, value_name = "FILE")]
    pub init_classes: Option<PathBuf>,

    /// Do not train the first N of 14 blocks of `--init`, or `all` but the classifier
    #[arg(long, value_name = "N|all")]
    pub freeze: Option<Freeze>,

    /// Number format of the training step [default: f32]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,

    /// Stop after N epochs without a better test accuracy; 0 never stops early [default: 0]
    #[arg(long, value_name = "N")]
    pub patience: Option<usize>,

    /// Optimiser [default: sgd]
    #[arg(long, value_enum, help_heading = "Optimiser")]
    pub optimizer: Option<OptimizerName>,

    /// Peak learning rate [default: 0.1 for SGD and 0.002 for AdamW, times batch size / 64]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub lr: Option<Positive>,

    /// Epochs over which the learning rate rises to its peak [default: a twentieth, at most 5]
    #[arg(
        long,
        value_name = "EPOCHS",
        alias = "warmup-epochs",
        help_heading = "Optimiser"
    )]
    pub warmup: Option<NonNegative>,

    /// Weight decay of convolutions and the classifier; batch norm and biases have none [default: 0.0001 for SGD, 0.05
    /// for AdamW]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub weight_decay: Option<NonNegative>,

    /// Shorten gradients to this global norm; 0 leaves them [default: 0]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub clip_norm: Option<NonNegative>,

    /// Evaluate and save a moving average of the weights with this decay; 0 takes the weights themselves [default: 0.999
    /// for `strong`, 0 for `plain`]
    #[arg(long, value_name = "DECAY", help_heading = "Optimiser")]
    pub ema: Option<Fraction>,

    /// Label smoothing [default: 0.1 for `strong`, 0 for `plain`]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub label_smoothing: Option<Fraction>,

    /// Weights of the classes in the loss: `balanced` makes rare classes count as much as frequent ones [default: none]
    #[arg(long, value_enum, help_heading = "Optimiser")]
    pub class_weights: Option<ClassWeights>,

    /// Crop a random box of MIN to MAX of the area [default: 0.35,1 for `strong`, the whole image for `plain`]
    #[arg(
        long,
        value_name = "MIN,MAX",
        help_heading = "Augmentation",
        conflicts_with = "no_crop"
    )]
    pub crop_scale: Option<CropScale>,

    /// Whether training images are cropped; `--crop-scale` and `--no-crop` say so on the command line.
    #[arg(skip)]
    pub crop: Option<bool>,

    /// Resize the whole image instead of cropping
    #[arg(long, help_heading = "Augmentation")]
    #[serde(skip)]
    pub no_crop: bool,

    /// Probability of mirroring left and right [default: 0.5 for `strong`, 0 for `plain`]
    #[arg(
        long,
        value_name = "P",
        help_heading = "Augmentation",
        conflicts_with = "no_flip"
    )]
    pub flip: Option<Probability>,

    /// Do not mirror
    #[arg(long, help_heading = "Augmentation")]
    #[serde(skip)]
    pub no_flip: bool,

    /// Change brightness, contrast and saturation by up to this part [default: 0]
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub color_jitter: Option<NonNegative>,

    /// One random operation of random strength on each image (TrivialAugment)
    #[arg(long, value_name = "BOOL", help_heading = "Augmentation", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub trivial_augment: Option<bool>,

    /// N random operations of strength M on each image (RandAugment)
    #[arg(long, value_name = "N,M", help_heading = "Augmentation")]
    pub rand_augment: Option<RandAugment>,

    /// Probability of erasing a random box [default: 0]
    #[arg(long, value_name = "P", help_heading = "Augmentation")]
    pub erasing: Option<Probability>,

    /// Mix images and labels in pairs, by shares of Beta(X, X); 0 is off [default: 0]
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub mixup: Option<BetaParameter>,

    /// Paste boxes of one image into another, of areas of Beta(X, X); 0 is off [default: 0]
    #[arg(long, value_name = "X", help_heading = "Augmentation", num_args = 0..=1, default_missing_value = "1",
        require_equals = false)]
    pub cutmix: Option<BetaParameter>,

    /// Start with images of this size and grow to the size of training images over the run; 0 has one size throughout
    /// [default: 0]
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation")]
    pub progressive: Option<StartSize>,
}

impl RunArgs {
    /// These settings, and those of `below` where there are none here.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        // What one layer says of cropping and mirroring stands together.
        let crop = match (self.no_crop, &self.crop_scale, self.crop) {
            (true, ..) => Some(false),
            (_, _, Some(crop)) => Some(crop),
            (_, Some(_), None) => Some(true),
            (..) => below.crop.or(below.crop_scale.map(|_| true)),
        };
        // Of two that exclude each other, the one that stands above counts.
        let has_trivial = self.trivial_augment == Some(true);
        let has_rand = self.rand_augment.is_some_and(|policy| policy.operations > 0);
        let flip = if self.no_flip {
            Probability::try_from(0.0).ok()
        } else {
            self.flip.or(below.flip)
        };
        Self {
            data: self.data.or(below.data),
            fold: self.fold.or(below.fold),
            alpha: self.alpha.or(below.alpha),
            size: self.size.or(below.size),
            train_size: self.train_size.or(below.train_size),
            resize: self.resize.or(below.resize),
            epochs: self.epochs.or(below.epochs),
            batch_size: self.batch_size.or(below.batch_size),
            recipe: self.recipe.or(below.recipe),
            seed: self.seed.or(below.seed),
            init: self.init.or(below.init),
            init_classes: self.init_classes.or(below.init_classes),
            freeze: self.freeze.or(below.freeze),
            precision: self.precision.or(below.precision),
            patience: self.patience.or(below.patience),
            optimizer: self.optimizer.or(below.optimizer),
            lr: self.lr.or(below.lr),
            warmup: self.warmup.or(below.warmup),
            weight_decay: self.weight_decay.or(below.weight_decay),
            clip_norm: self.clip_norm.or(below.clip_norm),
            ema: self.ema.or(below.ema),
            label_smoothing: self.label_smoothing.or(below.label_smoothing),
            class_weights: self.class_weights.or(below.class_weights),
            crop_scale: self.crop_scale.or(below.crop_scale),
            crop,
            no_crop: false,
            flip,
            no_flip: false,
            color_jitter: self.color_jitter.or(below.color_jitter),
            trivial_augment: self
                .trivial_augment
                .or(below.trivial_augment.filter(|_| !has_rand)),
            rand_augment: self.rand_augment.or(below.rand_augment.filter(|_| !has_trivial)),
            erasing: self.erasing.or(below.erasing),
            mixup: self.mixup.or(below.mixup),
            cutmix: self.cutmix.or(below.cutmix),
            progressive: self.progressive.or(below.progressive),
        }
    }
}
