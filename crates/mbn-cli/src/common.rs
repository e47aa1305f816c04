//! The options that every program has.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use log::LevelFilter;

use crate::DeviceChoice;

/// Options of every program.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "General")]
pub struct CommonArgs {
    /// Where the network runs: `auto`, `cpu`, `cuda` or `cuda:N`
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,

    /// Number of CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// Print nothing but errors on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Least severe messages that stderr gets
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "info", global = true)]
    pub log_level: LogLevel,
}

/// Severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What made the program fail.
    Error,
    /// What is likely not intended.
    Warn,
    /// What a user wants to know.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything, that of libraries too.
    Trace,
}

impl CommonArgs {
    /// Number of CPU threads to use: as asked for, else one for each core.
    pub fn thread_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(cores, NonZeroUsize::get)
    }

    pub(crate) fn level(&self) -> LevelFilter {
        match (self.quiet, self.log_level) {
            (true, _) | (_, LogLevel::Error) => LevelFilter::Error,
            (_, LogLevel::Warn) => LevelFilter::Warn,
            (_, LogLevel::Info) => LevelFilter::Info,
            (_, LogLevel::Debug) => LevelFilter::Debug,
            (_, LogLevel::Trace) => LevelFilter::Trace,
        }
    }
}
