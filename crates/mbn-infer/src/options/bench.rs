//! The command line of `bench`.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use mbn_cli::UsageError;
use mbn_engine::images::MAX_BATCH;

use super::EngineKind;

/// What is measured, and how the figures are printed.
#[derive(Clone, Debug, Args)]
pub struct BenchOptions {
    /// ONNX files, or weights: one for each precision or network to compare [default: as `--model` of a run]
    #[arg(value_name = "MODEL")]
    pub models: Vec<PathBuf>,

    /// Engines, separated by commas [default: `ort` if ONNX Runtime is found, else `candle`]
    #[arg(long, value_enum, value_name = "ENGINE,...", value_delimiter = ',')]
    pub engine: Vec<EngineKind>,

    /// Images of a call
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,8",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MAX_BATCH as u64))]
    pub batch_size: Vec<usize>,

    /// CPU threads of an engine [default: the cores that the program may use]
    #[arg(long, value_name = "N,...", value_delimiter = ',',
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: Vec<usize>,

    /// Seconds for each combination of model, engine, threads and batch
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pub seconds: f64,

    /// Calls of each combination before the first that counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub warm_up: usize,

    /// How the figures are printed
    #[arg(long, value_enum, default_value = "table")]
    pub format: BenchFormat,

    /// CSV file for the latency of every call that counts
    #[arg(long, value_name = "FILE")]
    pub latencies: Option<PathBuf>,

    /// ONNX Runtime's library
    #[arg(long, value_name = "FILE")]
    pub ort_lib: Option<PathBuf>,
}

/// Values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchFormat {
    /// A table, to be read
    Table,
    /// A JSON object on a line for each combination
    Json,
}

/// Longer than anybody measures: a mistyped number.
const MOST_SECONDS: f64 = 86_400.0;

impl BenchOptions {
    /// Refuses a time that cannot be measured, and a library that is not used.
    ///
    /// # Errors
    /// [`UsageError`], for exit code 2.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: String| Err(anyhow!(UsageError(text)));
        if !(self.seconds > 0.0 && self.seconds <= MOST_SECONDS) {
            return wrong(format!(
                "`--seconds {}` is not above 0 and at most {MOST_SECONDS}",
                self.seconds
            ));
        }
        let is_candle_alone = !self.engine.is_empty() && !self.engine.contains(&EngineKind::Ort);
        if self.ort_lib.is_some() && is_candle_alone {
            return wrong("`--ort-lib` has no effect with `--engine candle`".to_owned());
        }
        Ok(())
    }
}
