//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use mbn_cli::{CommonArgs, DeviceArgs, Hint, LibheifArgs, UsageError, refuse_stdout};
use mbn_spec::Alpha;
use mbn_spec::text::joined;

use crate::run::{RunDir, TrainOn};
use crate::settings::{NonNegative, RunArgs, Settings, file};

const EXAMPLES: &str = "\
Examples:
  mbn-train --data photos --alpha 0.25 --epochs 20
  mbn-train --data photos --recipe plain --optimizer adamw --out runs/plain
  mbn-train --data photos --val-fraction 0.1 --bad-images skip
  mbn-train --data photos --mixup 0.2 --cutmix 1 --trivial-augment --ema 0.9995
  mbn-train --data photos --init models/mobilenet_v1_0.25.safetensors --freeze all --epochs 5
  mbn-train --data photos --alpha 0.25 --teacher runs/large/best.safetensors
  mbn-train --config runs/plain/settings.toml --seed 1
  mbn-train --download --recipe plain
  mbn-train --data photos --alpha 0.25 --lr-find
  mbn-train --resume runs/plain
  mbn-train report runs/*
  mbn-train --profile --alpha 0.5 --batch-size 32
  mpirun -n 4 mbn-train --distributed mpi --data photos

An image folder holds `train/CLASS/*` and `val/CLASS/*` (or `test/CLASS/*`).
The CLASS folders name the classes. Without `val` and `test`, or with `CLASS/*`
alone, a fifth of each class is held out to test on (--val-fraction).

Exit codes: 0 the run is done; 1 it could not be done, also for a mistake in a
configuration file; 2 a mistake on the command line; 130 interrupted, `--resume`
goes on.";

/// Settings that may change when a run is resumed: where the data and the teacher are, and what happens to images that cannot
/// be used.
const WITH_RESUME: [&str; 3] = ["data", "bad-images", "teacher"];

/// Default of `--workers` on the CPU, where the step needs the cores itself: two threads decode more images than it takes.
const CPU_WORKERS: usize = 2;

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

    /// Continue this run with its saved settings; a finished one trains on with --config and --init
    #[arg(long, value_name = "RUN", help_heading = "Run")]
    pub resume: Option<PathBuf>,

    /// Do not train: time a step on noise, layer by layer
    #[arg(long, help_heading = "Run",
        conflicts_with_all = ["data", "resume", "out", "publish", "init", "init_classes", "teacher"])]
    pub profile: bool,

    /// Do not train: compare short trainings at several learning rates, and print the rate that suits
    #[arg(long, help_heading = "Run",
        conflicts_with_all = ["resume", "download", "profile", "publish", "distributed"])]
    pub lr_find: bool,

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

    /// Threads that decode images [default: 2, on CUDA all cores but one]
    #[arg(long, value_name = "N", help_heading = "Device and performance",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// Train with the other processes that `mpirun` or `srun` started: each takes its part of every batch
    #[arg(
        long,
        value_name = "mpi",
        help_heading = "Device and performance",
        conflicts_with = "profile",
        hide_possible_values = true
    )]
    pub distributed: Option<Distributed>,

    /// Library of MPI [default: the launcher's own]
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Device and performance",
        requires = "distributed"
    )]
    pub mpi_lib: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Data")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub libheif: LibheifArgs,

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

/// How the processes of a run reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Distributed {
    /// By the library of MPI that belongs to their launcher.
    Mpi,
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
        /// Run folders, or files in them
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
    /// Refuses settings beside `--resume`, which continues a run with its own.
    ///
    /// # Errors
    /// [`UsageError`], with the command that trains on with these settings.
    pub(crate) fn check_resume(&self) -> Result<()> {
        let Some(run) = &self.resume else {
            return Ok(());
        };
        let given = self.run.given();
        let refused = given.iter().filter(|(key, _)| !WITH_RESUME.contains(key));
        let mut names: Vec<_> = refused.map(|(key, _)| format!("`--{key}`")).collect();
        names.extend(self.out.is_some().then(|| "`--out`".to_owned()));
        if names.is_empty() {
            return Ok(());
        }
        let (names, verb) = (joined(&names), if names.len() == 1 { "does" } else { "do" });
        let message =
            format!("{names} {verb} not go with `--resume`, which continues the run with its saved settings");
        let error = UsageError(message);
        match TrainOn::new(&RunDir::folder(run), self.out.as_deref(), &given) {
            Some(command) => Err(error).hint(|| command.advice("other settings")),
            None => Err(error.into()),
        }
    }

    /// Refuses `-`, which other programs take for stdout, as the run folder or the published file.
    ///
    /// # Errors
    /// [`UsageError`].
    pub(crate) fn check_outputs(&self) -> Result<(), UsageError> {
        [&self.out, &self.publish]
            .into_iter()
            .flatten()
            .try_for_each(|path| refuse_stdout(path))
    }

    /// What the default name of the run folder ends in.
    pub(crate) fn suffix(&self) -> &'static str {
        if self.lr_find { "_rates" } else { "" }
    }

    /// The settings from the command line and, overridden by it, from `--config`.
    ///
    /// # Errors
    /// The configuration file cannot be used.
    pub fn run_args(&self) -> Result<RunArgs> {
        let Some(path) = &self.config else {
            return Ok(self.run.clone().over(RunArgs::default()));
        };
        let below = file::load(path, &self.run, &Self::command())?;
        let args = self.run.clone().over(below);
        // What the command line gives is in range.
        file::require_in_range(&args)
            .with_context(|| format!("configuration `{}` cannot be used", path.display()))?;
        Ok(args)
    }

    /// Reads the content of a configuration file.
    ///
    /// # Errors
    /// It is not TOML, or has an unknown key or a value out of range.
    pub fn read_config(text: &str) -> Result<RunArgs> {
        let args = file::parse(text, &Self::command())?;
        file::require_in_range(&args)?;
        Ok(args)
    }

    /// Divides the cores among so many processes that may use the same ones, unless the user says how many threads to start.
    pub(crate) fn share_cores(&mut self, processes: usize) {
        if self.common.threads.is_none() && processes > 1 {
            self.common.threads = Some((self.common.thread_count() / processes).max(1));
        }
    }

    /// Threads that decode images. By default on CUDA, every core that `--threads` allows but one, which the step needs to
    /// give the device its work: a device takes more images than all of them decode.
    pub(crate) fn worker_count(&self, on_cuda: bool) -> usize {
        let default = || match on_cuda {
            false => CPU_WORKERS,
            true => CPU_WORKERS.max(self.common.thread_count() - 1),
        };
        self.workers.map_or_else(default, usize::from)
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
