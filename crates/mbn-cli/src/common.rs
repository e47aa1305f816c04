//! The options that every program has, and those of the programs that take a device.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use log::LevelFilter;

use crate::{DeviceChoice, Generated};

/// More threads than any machine needs: a mistyped number would start threads for minutes.
const MAX_THREADS: u64 = 1024;

/// Options of every program.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "General")]
pub struct CommonArgs {
    /// Number of CPU threads [default: the cores that the program may use]
    #[arg(long, value_name = "N",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub threads: Option<usize>,

    /// Print only errors on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Messages to print on stderr: error, warn, info, debug or trace
    // The list of values with their meanings would make every option of `--help` take three lines.
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        hide_possible_values = true,
        default_value = "info",
        global = true
    )]
    pub log_level: LogLevel,

    /// Print a man page or a shell's completions: man, complete-bash, complete-zsh, complete-fish or complete-powershell
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        hide_possible_values = true,
        exclusive = true
    )]
    pub generate: Option<Generated>,
}

/// Options of the programs that run a network on a device of the user's choice. Each program sets the help heading.
#[derive(Clone, Copy, Debug, Args)]
pub struct DeviceArgs {
    /// Where the network runs: `auto`, `cpu`, `cuda` or `cuda:N`
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

/// Severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What made the program fail.
    Error,
    /// What the user probably did not intend.
    Warn,
    /// What a user wants to know.
    Info,
    /// What helps to find a bug.
    Debug,
    /// Everything, from libraries too.
    Trace,
}

impl CommonArgs {
    /// Number of CPU threads to use: the given one, else one for each core that the process may use, by its affinity and
    /// its control group's quota.
    pub fn thread_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.unwrap_or_else(cores)
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

/// The end of a message about an image that is too large: the option that allows it, with its value if `needed` is known.
pub fn max_pixels_advice(needed: Option<u64>) -> String {
    match needed {
        Some(pixels) => format!("; `--max-pixels {pixels}` allows it"),
        None => "; `--max-pixels` sets the limit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        common: CommonArgs,
    }

    #[test]
    fn the_number_of_threads_has_a_range() {
        let threads = |n: &str| {
            let options = Options::try_parse_from(["program", "--threads", n]);
            options.map(|options| options.common.thread_count()).ok()
        };
        assert_eq!((threads("1"), threads("1024")), (Some(1), Some(1024)));
        for n in ["0", "1025", "100000", "-1", "x"] {
            assert_eq!(threads(n), None, "{n}");
        }
    }
}
