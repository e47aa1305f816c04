//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Id, Parser, Subcommand};
use mbn_cli::CommonArgs;

use crate::config;
use crate::run_args::RunArgs;
use crate::values::NonNegative;

const EXAMPLES: &str = "\
Examples:
  mbn-train --data photos --alpha 0.25 --epochs 20
  mbn-train --data photos --recipe plain --optimizer adamw --out runs/plain
  mbn-train --data photos --mixup 0.2 --cutmix 1 --trivial-augment --ema 0.9995
  mbn-train --data photos --init models/mobilenet_v1_0.25.safetensors --freeze all --epochs 5
  mbn-train --config runs/plain/settings.toml --seed 1
  mbn-train --download --recipe plain
  mbn-train --resume runs/plain
  mbn-train report runs/*
  mbn-train --profile --alpha 0.5 --batch-size 32

DATA holds `train/CLASS/*` and `val/CLASS/*` (or `test/CLASS/*`), where class folders name the classes, or STL-10's
binary files.";

/// Train MobileNetV1 on a folder of pictures and save the weights as safetensors
#[derive(Clone, Debug, Parser)]
#[command(name = "mbn-train", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a comment here would stand in the help")]
    pub command: Option<Command>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub run: RunArgs,

    /// TOML file of settings, named as the options are; options stand above it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "profile"])]
    pub config: Option<PathBuf>,

    /// Get STL-10 first (2.6 GB), into the folder of `--data`, else into `data/`; a broken download goes on where it
    /// stopped
    #[arg(long, conflicts_with_all = ["resume", "profile"])]
    pub download: bool,

    /// Address of STL-10's archive [default: the one of the data set's own page]
    #[arg(long, value_name = "URL", requires = "download")]
    pub download_url: Option<String>,

    /// MD5 sum of the archive at `--download-url` [default: that of STL-10's own]
    #[arg(long, value_name = "SUM", requires = "download_url")]
    pub download_md5: Option<String>,

    /// Run folder to go on with, with the settings saved there
    #[arg(long, value_name = "RUN", conflicts_with_all = not_with_resume())]
    pub resume: Option<PathBuf>,

    /// Run folder to write [default: runs/DATA_ALPHA, numbered if it is there]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,

    /// Save all that resuming needs every so many minutes, not only after each epoch; 0 saves after each step
    #[arg(long, value_name = "MINUTES", default_value = "10")]
    pub save_every: NonNegative,

    /// Threads that decode images ahead of the training step
    #[arg(long, value_name = "N", default_value = "2")]
    pub workers: NonZeroUsize,

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

/// The options that a resumed run has no use for. The group as a whole would do as well, but clap's message would then
/// list all of it, not only what was given.
fn not_with_resume() -> Vec<Id> {
    let command = RunArgs::augment_args(clap::Command::new("run"));
    let options = command.get_arguments().map(|option| option.get_id().clone());
    options.chain([Id::from("out")]).collect()
}

/// What the program does beside training.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a table of runs in Markdown, a row for each
    Report {
        /// Run folders
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
    },
}

impl AsRef<CommonArgs> for Options {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

impl Options {
    /// What the command line says, above what `--config` says.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub fn run_args(&self) -> Result<RunArgs> {
        let below = match &self.config {
            Some(path) => config::load(path)?,
            None => RunArgs::default(),
        };
        Ok(self.run.clone().over(below))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Settings;

    fn resolve(line: &str) -> Result<Settings> {
        let options = Options::try_parse_from(line.split(' '))?;
        Settings::resolve(options.run_args()?, "d".into(), None)
    }

    #[test]
    fn command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn what_cannot_go_with_resume_is_named_alone() {
        let line = "mbn-train --resume r --alpha 0.5 --no-flip";
        let error = Options::try_parse_from(line.split(' ')).unwrap_err().to_string();
        assert!(
            error.contains("--alpha") && error.contains("--no-flip"),
            "{error}"
        );
        assert!(!error.contains("--data"), "{error}");
        for option in ["--out o", "--data d", "--trivial-augment", "--cutmix"] {
            let line = format!("mbn-train --resume r {option}");
            assert!(Options::try_parse_from(line.split(' ')).is_err(), "{option}");
        }
    }

    #[test]
    fn defaults_follow_from_recipe_optimiser_and_batch() {
        let settings = resolve("mbn-train --data d --batch-size 32").unwrap();
        assert_eq!((settings.learning_rate, settings.label_smoothing), (0.05, 0.1));
        assert_eq!((settings.warmup_epochs, settings.epochs), (2.5, 50));
        assert!(settings.crop && settings.flip == 0.5 && settings.ema == 0.999);
        let settings = resolve("mbn-train --data d --optimizer adamw --recipe plain --epochs 200").unwrap();
        assert_eq!((settings.learning_rate, settings.label_smoothing), (0.002, 0.0));
        assert_eq!((settings.warmup_epochs, settings.weight_decay), (5.0, 0.05));
        assert_eq!(settings.augment(), mbn_data::Augment::none());
        assert_eq!((settings.ema, settings.progressive), (0.0, 0));
    }

    #[test]
    fn every_part_has_a_flag() {
        let settings = resolve(
            "mbn-train --data d --recipe plain --mixup 0.2 --cutmix --ema 0.99 --clip-norm 5 --trivial-augment \
             --color-jitter 0.4 --erasing 0.25 --crop-scale 0.2,0.9 --flip 0.5 --patience 3 --freeze all --progressive 128",
        );
        let settings = settings.unwrap();
        let augment = settings.augment();
        assert_eq!((augment.mixing.mixup, augment.mixing.cutmix), (0.2, 1.0));
        assert_eq!(
            (augment.crop, augment.scale, augment.flip),
            (true, [0.2, 0.9], 0.5)
        );
        assert_eq!(
            (augment.color_jitter.contrast, augment.erasing.probability),
            (0.4, 0.25)
        );
        assert_eq!(augment.policy, mbn_data::Policy::TrivialAugment);
        assert_eq!(
            (settings.ema, settings.clip_norm, settings.patience),
            (0.99, 5.0, 3)
        );
        assert_eq!((settings.freeze.blocks(), settings.progressive), (14, 128));
        let settings = resolve("mbn-train --data d --no-crop --no-flip --rand-augment 2,9").unwrap();
        let augment = settings.augment();
        assert_eq!((augment.crop, augment.flip), (false, 0.0));
        assert!(matches!(
            augment.policy,
            mbn_data::Policy::RandAugment { ops: 2, magnitude: 9 }
        ));
    }

    #[test]
    fn flags_stand_above_the_file_and_the_file_above_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(
            &path,
            "mixup = 0.4\nflip = 0.3\ncrop-scale = [0.5, 0.8]\nepochs = 7\nrecipe = 'plain'",
        )
        .unwrap();
        let with = |flags: &str| {
            let line = format!("mbn-train --config {} {flags}", path.display());
            resolve(line.trim_end()).unwrap()
        };
        let settings = with("");
        assert_eq!((settings.mixup, settings.flip, settings.epochs), (0.4, 0.3, 7));
        assert!(settings.crop && settings.crop_scale.get() == [0.5, 0.8]);
        let settings = with("--mixup 0 --no-flip --no-crop --recipe strong");
        assert_eq!((settings.mixup, settings.flip, settings.crop), (0.0, 0.0, false));
        assert_eq!((settings.epochs, settings.label_smoothing), (7, 0.1));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "mbn-train --data d --alpha 0.3",
            "mbn-train --data d --lr 0",
            "mbn-train --data d --lr nan",
            "mbn-train --data d --label-smoothing 1",
            "mbn-train --data d --size 16",
            "mbn-train --resume r --data d",
            "mbn-train --resume r --epochs 3",
            "mbn-train --resume r --mixup 0.2",
            "mbn-train --resume r --config c",
            "mbn-train --data d --publish p --no-publish",
            "mbn-train --data d --no-flip --flip 0.5",
            "mbn-train --data d --no-crop --crop-scale 0.5",
            "mbn-train --data d --freeze 15",
            "mbn-train report",
            "mbn-train --data d report r",
        ] {
            assert!(Options::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        for line in [
            "mbn-train --epochs 2 --warmup 3",
            "mbn-train --trivial-augment --rand-augment 2,9",
            "mbn-train --size 64 --progressive 128",
        ] {
            let error = resolve(line).unwrap_err();
            assert!(error.is::<mbn_cli::UsageError>(), "{line}: {error}");
        }
        let options = Options::try_parse_from(["mbn-train", "report", "a", "b"]).unwrap();
        let Some(Command::Report { runs }) = options.command else {
            panic!("no report");
        };
        assert_eq!(runs, [Path::new("a"), Path::new("b")]);
    }
}
