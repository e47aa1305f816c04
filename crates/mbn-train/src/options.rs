//! The command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, CommandFactory, Id, Parser, Subcommand};
use mbn_cli::{CommonArgs, DeviceArgs};
use mbn_spec::Alpha;

use crate::settings::{NonNegative, RunArgs, Settings, file};

const EXAMPLES: &str = "\
Examples:
  mbn-train --data photos --alpha 0.25 --epochs 20
  mbn-train --data photos --recipe plain --optimizer adamw --out runs/plain
  mbn-train --data photos --val-fraction 0.1 --bad-images skip
  mbn-train --data photos --mixup 0.2 --cutmix 1 --trivial-augment --ema 0.9995
  mbn-train --data photos --init models/mobilenet_v1_0.25.safetensors --freeze all --epochs 5
  mbn-train --config runs/plain/settings.toml --seed 1
  mbn-train --download --recipe plain
  mbn-train --resume runs/plain
  mbn-train report runs/*
  mbn-train --profile --alpha 0.5 --batch-size 32

An image folder holds `train/CLASS/*` and `val/CLASS/*` (or `test/CLASS/*`).
The CLASS folders name the classes. Without `val` and `test`, or with `CLASS/*`
alone, a fifth of each class is held out to test on (--val-fraction).";

/// Train MobileNetV1 on a folder of images and save the weights as safetensors
#[derive(Clone, Debug, Parser)]
#[command(name = "mbn-train", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "the help would show a comment here")]
    pub command: Option<Command>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub run: RunArgs,

    /// Download STL-10 first, 2.6 GB; continues where it stopped
    #[arg(long, help_heading = "Data", conflicts_with_all = ["resume", "profile"])]
    pub download: bool,

    /// Address of STL-10's archive [default: the original]
    #[arg(long, value_name = "URL", help_heading = "Data", requires = "download")]
    pub download_url: Option<String>,

    /// MD5 checksum of the archive at --download-url
    #[arg(long, value_name = "MD5", help_heading = "Data", requires = "download_url", value_parser = md5_sum)]
    pub download_md5: Option<String>,

    /// TOML file of settings; options override it
    #[arg(long, value_name = "FILE", help_heading = "Run", conflicts_with_all = ["resume", "profile"])]
    pub config: Option<PathBuf>,

    /// Continue this run with its saved settings
    #[arg(long, value_name = "RUN", help_heading = "Run", conflicts_with_all = not_with_resume())]
    pub resume: Option<PathBuf>,

    /// Do not train: time a step on noise, layer by layer
    #[arg(long, help_heading = "Run",
        conflicts_with_all = ["data", "resume", "out", "publish", "init", "init_classes"])]
    pub profile: bool,

    /// Run folder to write [default: runs/DATA_ALPHA]
    #[arg(long, value_name = "RUN", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// Minutes between saves within an epoch, 0: each step
    #[arg(long, value_name = "MINUTES", help_heading = "Output", default_value = "10")]
    pub save_every: NonNegative,

    /// Also write the best weights to this file
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Output",
        conflicts_with = "no_publish"
    )]
    pub publish: Option<PathBuf>,

    /// Do not copy the best weights to models/
    #[arg(long, help_heading = "Output")]
    pub no_publish: bool,

    /// Threads that decode images
    #[arg(long, value_name = "N", help_heading = "Device and performance", default_value = "2",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    #[command(flatten, next_help_heading = "Device and performance")]
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

/// Settings that may change when a run is resumed: where the data is, and what happens to images that cannot be used.
const WITH_RESUME: [&str; 2] = ["data", "bad_images"];

/// The options that cannot go with `--resume`. Naming each makes clap's message list only those that were given.
fn not_with_resume() -> Vec<Id> {
    let command = RunArgs::augment_args(clap::Command::new("run"));
    let options = command.get_arguments().map(|option| option.get_id().clone());
    let fixed = options.filter(|id| !WITH_RESUME.contains(&id.as_str()));
    fixed.chain([Id::from("out")]).collect()
}

/// Reads an MD5 checksum, and returns it in lower case.
fn md5_sum(text: &str) -> Result<String, String> {
    match text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected an MD5 checksum: 32 hexadecimal digits".into()),
    }
}

/// What the program does besides training.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a table of runs in Markdown, one row per run
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
    /// The settings from the command line and, overridden by it, from `--config`.
    ///
    /// # Errors
    /// The configuration file cannot be used.
    pub fn run_args(&self) -> Result<RunArgs> {
        let below = match &self.config {
            Some(path) => file::load(path, &self.run, &Self::command())?,
            None => RunArgs::default(),
        };
        Ok(self.run.clone().over(below))
    }

    /// Resolves `args`, the result of [`Options::run_args`], as [`Settings::resolve`] does.
    ///
    /// # Errors
    /// [`mbn_cli::UsageError`] for a contradiction on the command line. If the command line alone is consistent, the error
    /// names the configuration file.
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
        Err(file::contradiction(path, error))
    }
}

#[cfg(test)]
mod tests;
