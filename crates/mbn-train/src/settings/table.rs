//! The settings of a run. To add one, add an entry here, then run the tests with `MBN_WRITE_DOCS=1` set, which rewrites
//! `docs/settings.md`.
//!
//! An entry is a line of help, the name, the type (which reads and checks values), and
//! - `group`: the heading of help and documentation,
//! - `value`: the name of the value in the help (without it, configuration files have the key, but there is no option),
//! - `example`: a value other than the default,
//! - its default: `default`, or `derived` from other settings, or `unset` in words if the setting may have no value,
//! - `says`: the default in words, if the value alone is not clear enough,
//! - `plain`: the default of the recipe `plain` in words, if it is not the value,
//! - `off`: a flag that switches it off, with its help,
//! - `option`: more properties of the option.
//!
//! `settings.toml` has the same order.
//!
//! A run that was saved before an entry was added resumes with the entry's default, so the default of a new entry is what
//! runs did before it.
//!
//! Two kinds of entry need a line elsewhere: a default derived from anything but the recipe, the optimiser, the epochs or the
//! batch size, in `layers.rs`; and a path, in `Settings::require_utf8` in `resolve.rs`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ArgMatches;
use mbn_cli::UsageError;
use mbn_data::DEFAULT_MAX_PIXELS;
use mbn_spec::{Activation, Alpha, Channels, Interpolation, Stride2Padding};
use serde::{Deserialize, Serialize};

use super::define::{derive, given_or, settings, shown};
use super::setting::{Group, Off, Setting, dashed, in_few_digits, storable, text};
use super::{
    BadImages, BetaParameter, ClassWeights, CropScale, DEFAULT_DATA, Fraction, Freeze, NonNegative,
    OptimizerName, Part, Positive, Probability, RandAugment, Recipe, ResizeName, Size, StartSize,
    StepPrecision, Temperature,
};

settings! {
    /// Image folder, or folder of STL-10
    data: PathBuf {
        group: Data, value: "DIR", example: "photos", default: DEFAULT_DATA,
    }
    /// Train on fold K of STL-10, 0 to 9
    fold: usize {
        group: Data, value: "K", example: "3", unset: "all training images",
        option: |option| option.value_parser(storable::<usize>),
    }
    /// Part of each class held out to test on
    val_fraction: Part {
        group: Data, value: "X", example: "0.3", unset: "0.2 if there is no val",
        off: no_val_fraction "Drop the fraction of --config",
        option: |option| option.conflicts_with("no_val_fraction"),
    }
    /// Images that cannot be used: end, or go on without
    bad_images: BadImages {
        group: Data, value: "fail|skip", example: "skip", default: BadImages::Fail,
    }
    /// Most pixels of an image; larger ones cannot be used
    max_pixels: NonZeroUsize {
        group: Data, value: "N", example: "400000000", default: DEFAULT_MAX_PIXELS as usize,
        option: |option| option.value_parser(storable::<NonZeroUsize>),
    }
    /// Width multiplier: 0.25, 0.5, 0.75, 1.0
    alpha: Alpha {
        group: Model, value: "ALPHA", example: "0.5", default: Alpha::One, says: "as --init, or 1.0",
    }
    /// Height and width of the images
    size: Size {
        group: Model, value: "PIXELS", example: "160", default: 224i64, says: "as --init, or 224",
    }
    /// Height and width of training images
    train_size: Size {
        group: Model, value: "PIXELS", example: "192", unset: "as --size",
    }
    /// How whole images become square
    resize: ResizeName {
        group: Model, value: "square|crop", example: "crop", unset: "as --init, or square",
    }
    /// Shorter side of whole images before the crop
    shorter: Size {
        group: Model, value: "PIXELS", example: "256", unset: "as --init, or 256/224 of --size",
    }
    /// Filter with which images are resized: nearest, box, bilinear, bilinear-no-antialias, hamming, bicubic or lanczos
    interpolation: Interpolation {
        group: Model, value: "FILTER", example: "bicubic", unset: "as --init, or bilinear",
    }
    /// Mean of the channels, scaled to [0, 1]
    mean: Channels {
        group: Model, value: "R,G,B", example: "0.5,0.25,0.5", unset: "as --init, or ImageNet's",
    }
    /// Standard deviation of the channels
    std: Channels {
        group: Model, value: "R,G,B", example: "0.5,0.25,0.5", unset: "as --init, or ImageNet's",
    }
    /// Activation after batch norm
    activation: Activation {
        group: Model, value: "relu|relu6", example: "relu6", unset: "as --init, or relu",
    }
    /// What batch norm adds to the variance
    epsilon: Positive {
        group: Model, value: "X", example: "0.001", unset: "as --init, or 0.00001",
    }
    /// Padding of stride 2: symmetric, end or same
    padding: Stride2Padding {
        group: Model, value: "PADDING", example: "end", unset: "as --init, or symmetric",
    }
    /// Passes over the training set
    epochs: NonZeroUsize {
        group: Training, value: "N", example: "20", default: Recipe::Strong.epochs(),
        option: |option| option.value_parser(storable::<NonZeroUsize>),
    }
    /// Images in a training step
    batch_size: NonZeroUsize {
        group: Training, value: "N", example: "32", default: 64usize,
        option: |option| option.value_parser(storable::<NonZeroUsize>),
    }
    /// Defaults: plain, strong, fine-tune, classifier
    recipe: Recipe {
        group: Training, value: "RECIPE", example: "plain", default: Recipe::Strong,
        says: "strong; with --init fine-tune or classifier",
    }
    /// Seed of weights, order, augmentation, held-out part
    seed: u64 {
        group: Training, value: "N", example: "7", default: 0u64,
        option: |option| option.value_parser(storable::<u64>),
    }
    /// Weights to start from: a file, or hf:OWNER/NAME
    init: PathBuf {
        group: Model, value: "WEIGHTS", example: "start.safetensors", unset: "random",
        off: no_init "Drop the weights of --config and start from random ones",
        option: |option| option.conflicts_with("no_init"),
    }
    /// Class names of --init, one per line, numbered, or as JSON
    init_classes: PathBuf {
        group: Model, value: "FILE", example: "classes.txt", unset: "those in its file",
    }
    /// Keep the first N of 14 blocks fixed, or all
    freeze: Freeze {
        group: Model, value: "N|all", example: "3", derived: |run| run.recipe.freeze(),
    }
    /// Number format of the training step
    precision: StepPrecision {
        group: Training, value: "f32|tf32|bf16", example: "bf16", default: StepPrecision::F32,
    }
    /// Stop after N epochs without gain, 0: never
    patience: usize {
        group: Training, value: "N", example: "5", default: 0usize,
        option: |option| option.value_parser(storable::<usize>),
    }
    /// Optimiser
    optimizer: OptimizerName {
        group: Training, value: "sgd|adamw", example: "adamw", default: OptimizerName::Sgd,
    }
    /// Peak learning rate; by default in proportion to the batch, here for 64
    lr: Positive {
        group: Training, value: "X", example: "0.3",
        derived: |run| in_few_digits(run.recipe.lr(run.optimizer) * run.batch_size.get() as f64 / 64.0),
    }
    /// Epochs until the peak
    warmup: NonNegative {
        group: Training, value: "EPOCHS", example: "3",
        derived: |run| (run.epochs.get() as f64 / 20.0).min(5.0),
        says: "a twentieth, at most 5",
        option: |option| option.alias("warmup-epochs"),
    }
    /// Weight decay of convolutions and classifier; adamw: 0.05
    weight_decay: NonNegative {
        group: Training, value: "X", example: "0.01",
        derived: |run| run.recipe.weight_decay(run.optimizer),
    }
    /// Clip gradients to this global norm, 0: do not
    clip_norm: NonNegative {
        group: Training, value: "X", example: "5", default: 0.0,
    }
    /// Decay of averaged weights, 0: none
    ema: Fraction {
        group: Training, value: "DECAY", example: "0.99", derived: |run| run.recipe.ema(),
    }
    /// Label smoothing
    label_smoothing: Fraction {
        group: Training, value: "X", example: "0.2", derived: |run| run.recipe.label_smoothing(),
    }
    /// Network to learn from beside the labels: a file, or hf:OWNER/NAME
    teacher: PathBuf {
        group: Training, value: "WEIGHTS", example: "teacher.safetensors", unset: "none",
        off: no_teacher "Drop the teacher of --config, with its weight and temperature",
        option: |option| option.conflicts_with("no_teacher"),
    }
    /// Share of --teacher in the loss, 0 to 1
    distill_weight: Probability {
        group: Training, value: "X", example: "0.5", unset: "0.9",
    }
    /// What logits are divided by to learn from --teacher, 0.01 to 1000
    temperature: Temperature {
        group: Training, value: "T", example: "2", unset: "4",
    }
    /// Batch norm over the images of all ranks; no effect with one process
    sync_batch_norm: bool {
        group: Training, value: "BOOL", example: "true", default: false,
        option: |option| option.num_args(0..=1).require_equals(true).default_missing_value("true"),
    }
    /// Let every class count the same in the loss
    class_weights: ClassWeights {
        group: Training, value: "none|balanced", example: "balanced", default: ClassWeights::None,
    }
    /// Crop training images at random
    crop: bool {
        group: Augmentation, example: "false", derived: |run| run.recipe.augments(),
        off: no_crop "Resize the whole image instead of cropping",
    }
    /// Crop a box of MIN to MAX of the area
    crop_scale: CropScale {
        group: Augmentation, value: "MIN,MAX", example: "0.5,0.8", derived: |run| run.recipe.crop_scale(),
        plain: "none",
        option: |option| option.conflicts_with("no_crop"),
    }
    /// Probability of mirroring left and right
    flip: Probability {
        group: Augmentation, value: "P", example: "0.3", derived: |run| if run.recipe.augments() { 0.5 } else { 0.0 },
        off: no_flip "Do not mirror",
        option: |option| option.conflicts_with("no_flip"),
    }
    /// Change brightness, contrast, saturation by up to X
    color_jitter: NonNegative {
        group: Augmentation, value: "X", example: "0.4", default: 0.0,
    }
    /// TrivialAugment: one random operation per image
    trivial_augment: bool {
        group: Augmentation, value: "BOOL", example: "true", default: false,
        option: |option| option.num_args(0..=1).require_equals(true).default_missing_value("true"),
    }
    /// RandAugment: N operations of strength M per image
    rand_augment: RandAugment {
        group: Augmentation, value: "N,M", example: "2,9", default: RandAugment::OFF,
    }
    /// Probability of erasing a random box
    erasing: Probability {
        group: Augmentation, value: "P", example: "0.25", default: 0.0,
    }
    /// Mix pairs of images by shares of Beta(X, X)
    mixup: BetaParameter {
        group: Augmentation, value: "X", example: "0.2", default: 0.0,
    }
    /// Paste boxes of Beta(X, X) of the area between images; without X: 1
    cutmix: BetaParameter {
        group: Augmentation, value: "X", example: "0.5", default: 0.0,
        option: |option| option.num_args(0..=1).default_missing_value("1"),
    }
    /// Grow training images from this size on, 0: do not
    progressive: StartSize {
        group: Augmentation, value: "PIXELS", example: "128", default: 0i64,
    }
}
