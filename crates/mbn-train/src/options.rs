//! The command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Id, Parser, Subcommand};
use mbn_cli::{CommonArgs, DeviceArgs};
use mbn_spec::Alpha;

use crate::config;
use crate::run_args::RunArgs;
use crate::settings::Settings;
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
    #[arg(long, value_name = "SUM", requires = "download_url", value_parser = md5_sum)]
    pub download_md5: Option<String>,

    /// Run folder to go on with, with the settings saved there; `--data` names the data where it was moved
    #[arg(long, value_name = "RUN", conflicts_with_all = not_with_resume())]
    pub resume: Option<PathBuf>,

    /// Run folder to write [default: runs/DATA_ALPHA, numbered if it is there]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,

    /// Save all that resuming needs every so many minutes, not only after each epoch; 0 saves after each step
    #[arg(long, value_name = "MINUTES", default_value = "10")]
    pub save_every: NonNegative,

    /// Threads that decode images ahead of the training step
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// Train on nothing: print where the time of a step on noise goes, layer by layer, and what the machine allows
    #[arg(long, conflicts_with_all = ["data", "resume", "out", "publish", "init", "init_classes"])]
    pub profile: bool,

    /// Write the best weights to this file too, whatever is there
    #[arg(long, value_name = "PATH", conflicts_with = "no_publish")]
    pub publish: Option<PathBuf>,

    /// Do not copy the best weights to `models/`
    #[arg(long)]
    pub no_publish: bool,

    #[command(flatten, next_help_heading = "General")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub device: DeviceArgs,

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
    let fixed = options.filter(|id| id.as_str() != "data");
    fixed.chain([Id::from("out")]).collect()
}

/// 128 bits in hexadecimal, in lower case.
fn md5_sum(text: &str) -> Result<String, String> {
    match text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected 32 hexadecimal digits".into()),
    }
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
            Some(path) => config::load(path, &self.run)?,
            None => RunArgs::default(),
        };
        Ok(self.run.clone().over(below))
    }

    /// The settings that `args`, those of [`Options::run_args`], come to: [`Settings::resolve`].
    ///
    /// # Errors
    /// [`UsageError`] for a contradiction on the command line; one that it takes the configuration file to make names
    /// the file.
    pub(crate) fn resolve(
        &self,
        args: RunArgs,
        data: PathBuf,
        init_alpha: Option<Alpha>,
    ) -> Result<Settings> {
        let resolved = Settings::resolve(args, data.clone(), init_alpha);
        let (Some(path), Err(error)) = (&self.config, &resolved) else {
            return resolved;
        };
        let alone = Settings::resolve(self.run.clone(), data, init_alpha);
        if alone.is_err_and(|alone| alone.to_string() == error.to_string()) {
            return resolved;
        }
        Err(config::contradiction(path, error))
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
