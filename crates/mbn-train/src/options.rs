//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use mbn_cli::{CommonArgs, UsageError};
use mbn_spec::Alpha;

use crate::settings::{OptimizerName, Precision, Recipe, Settings};

const EXAMPLES: &str = "\
Examples:
  mbn-train --data photos --alpha 0.25 --epochs 20
  mbn-train --data photos --recipe plain --optimizer adamw --out runs/plain
  mbn-train --resume runs/plain
  mbn-train --profile --alpha 0.5 --batch-size 32

DATA holds `train/CLASS/*` and `val/CLASS/*` (or `test/CLASS/*`); class folders name the classes.";

/// Train MobileNetV1 on a folder of pictures and save the weights as safetensors
#[derive(Clone, Debug, Parser)]
#[command(name = "mbn-train", version, after_help = EXAMPLES)]
pub struct Options {
    /// Image folder to train on
    #[arg(long, value_name = "DIR", required_unless_present_any = ["resume", "profile"])]
    pub data: Option<PathBuf>,

    /// Width multiplier: 0.25, 0.5, 0.75 or 1.0
    #[arg(long, default_value = "1.0")]
    pub alpha: Alpha,

    /// Height and width of the training images
    #[arg(long, value_name = "PIXELS", default_value = "224", value_parser = clap::value_parser!(u32).range(32..=1024))]
    pub size: u32,

    /// Passes over the training set
    #[arg(long, value_name = "N", default_value = "50")]
    pub epochs: NonZeroUsize,

    /// Images of a training step
    #[arg(long, value_name = "N", default_value = "64")]
    pub batch_size: NonZeroUsize,

    /// Augmentation and regularisation: `plain` has none, `strong` crops, flips and smooths labels
    #[arg(long, value_enum, default_value = "strong")]
    pub recipe: Recipe,

    /// Optimiser
    #[arg(long, value_enum, default_value = "sgd")]
    pub optimizer: OptimizerName,

    /// Peak learning rate [default: 0.1 for SGD and 0.002 for AdamW, times batch size / 64]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub lr: Option<f64>,

    /// Weight decay of convolutions and the classifier [default: 0.0001 for SGD, 0.05 for AdamW]
    #[arg(long, value_name = "X", value_parser = non_negative)]
    pub weight_decay: Option<f64>,

    /// Epochs over which the learning rate rises to its peak [default: a twentieth, at most 5]
    #[arg(long, value_name = "X", value_parser = non_negative)]
    pub warmup_epochs: Option<f64>,

    /// Label smoothing [default: 0.1 for `strong`, 0 for `plain`]
    #[arg(long, value_name = "X", value_parser = fraction)]
    pub label_smoothing: Option<f64>,

    /// Seed of initial weights, data order and augmentation
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,

    /// Weight file to start from [default: random weights]
    #[arg(long, value_name = "WEIGHTS")]
    pub init: Option<PathBuf>,

    /// Run folder to go on with, with the settings saved there
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "alpha", "size", "epochs", "batch_size", "recipe",
        "optimizer", "lr", "weight_decay", "warmup_epochs", "label_smoothing", "seed", "init", "out", "precision"])]
    pub resume: Option<PathBuf>,

    /// Run folder to write [default: runs/DATA_ALPHA, numbered if it is there]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,

    /// Threads that decode images ahead of the training step
    #[arg(long, value_name = "N", default_value = "2")]
    pub workers: NonZeroUsize,

    /// Number format of the training step
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Precision,

    /// Train on nothing: print where the time of a step on noise goes, layer by layer, and what the machine allows
    #[arg(long, conflicts_with_all = ["data", "resume", "out", "publish"])]
    pub profile: bool,

    /// Write the best weights to this file too, whatever is there
    #[arg(long, value_name = "PATH", conflicts_with = "no_publish")]
    pub publish: Option<PathBuf>,

    /// Do not copy the best weights to `models/`
    #[arg(long)]
    pub no_publish: bool,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub common: CommonArgs,
}

impl AsRef<CommonArgs> for Options {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

impl Options {
    /// The settings of a new run, with defaults resolved.
    ///
    /// # Errors
    /// [`UsageError`] where options contradict each other.
    pub fn settings(&self) -> Result<Settings> {
        let Some(data) = self.data.clone() else {
            return Err(UsageError("`--data DIR` is needed".into()).into());
        };
        let (epochs, batch_size) = (self.epochs.get(), self.batch_size.get());
        let warmup_epochs = self.warmup_epochs.unwrap_or((epochs as f64 / 20.0).min(5.0));
        if warmup_epochs > epochs as f64 {
            let message = format!("`--warmup-epochs {warmup_epochs}` is more than `--epochs {epochs}`");
            return Err(UsageError(message).into());
        }
        let optimizer = self.optimizer;
        Ok(Settings {
            data,
            alpha: self.alpha.value(),
            size: self.size as usize,
            epochs,
            batch_size,
            recipe: self.recipe,
            optimizer,
            learning_rate: self
                .lr
                .unwrap_or(optimizer.learning_rate() * batch_size as f64 / 64.0),
            weight_decay: self.weight_decay.unwrap_or(optimizer.weight_decay()),
            warmup_epochs,
            label_smoothing: self.label_smoothing.unwrap_or(self.recipe.label_smoothing()),
            seed: self.seed,
            init: self.init.clone(),
            precision: self.precision,
        })
    }
}

fn number(text: &str, allowed: impl Fn(f64) -> bool, range: &str) -> Result<f64, String> {
    let value: f64 = text
        .parse()
        .map_err(|_| format!("not a number; expected {range}"))?;
    if allowed(value) {
        Ok(value)
    } else {
        Err(format!("expected {range}"))
    }
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |v| v > 0.0 && v.is_finite(), "a number above 0")
}

fn non_negative(text: &str) -> Result<f64, String> {
    number(text, |v| v >= 0.0 && v.is_finite(), "a number of at least 0")
}

fn fraction(text: &str) -> Result<f64, String> {
    number(text, |v| (0.0..1.0).contains(&v), "a number from 0 to below 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn defaults_follow_from_recipe_optimiser_and_batch() {
        let parse = |line: &str| {
            Options::try_parse_from(line.split(' '))
                .unwrap()
                .settings()
                .unwrap()
        };
        let settings = parse("mbn-train --data d --batch-size 32");
        assert_eq!((settings.learning_rate, settings.label_smoothing), (0.05, 0.1));
        assert_eq!((settings.warmup_epochs, settings.epochs), (2.5, 50));
        let settings = parse("mbn-train --data d --optimizer adamw --recipe plain --epochs 200");
        assert_eq!((settings.learning_rate, settings.label_smoothing), (0.002, 0.0));
        assert_eq!((settings.warmup_epochs, settings.weight_decay), (5.0, 0.05));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "mbn-train",
            "mbn-train --data d --alpha 0.3",
            "mbn-train --data d --lr 0",
            "mbn-train --data d --lr nan",
            "mbn-train --data d --label-smoothing 1",
            "mbn-train --data d --size 16",
            "mbn-train --resume r --data d",
            "mbn-train --resume r --epochs 3",
            "mbn-train --data d --publish p --no-publish",
        ] {
            assert!(Options::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let options = Options::try_parse_from(["mbn-train", "--data=d", "--epochs=2", "--warmup-epochs=3"]);
        assert!(options.unwrap().settings().is_err());
    }
}
