//! What the program does with files that exist.

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::RangedU64ValueParser;

use crate::limits::SECONDS;

/// What the program does with ONNX files that exist.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Check an ONNX file: its structure, and that it computes what its weights compute in candle
    Check {
        /// File to check
        #[arg(value_name = "FILE.onnx")]
        file: PathBuf,

        /// Weights that it was made from [default: those beside it or in `models/` with its hash, else its own constants]
        #[arg(long, value_name = "WEIGHTS")]
        weights: Option<PathBuf>,

        /// Folder of pictures to run, besides noise
        #[arg(long, value_name = "DIR")]
        check_images: Option<PathBuf>,

        /// Write the result as JSON
        #[arg(long, value_name = "FILE.json")]
        report: Option<PathBuf>,

        /// ONNX Runtime's library [default: found as `mbn-infer --help` says]
        #[arg(long, value_name = "FILE")]
        ort_lib: Option<PathBuf>,

        /// Seconds that a file of another program may take
        #[arg(long, value_name = "N", default_value_t = SECONDS)]
        time_limit: u64,

        /// Number of CPU threads [default: the cores that the program may use]
        #[arg(long, value_name = "N", value_parser = threads())]
        threads: Option<usize>,
    },
    /// Run two ONNX files on the same noise, and name the first value in which they differ
    Diff {
        /// A file
        #[arg(value_name = "A.onnx")]
        a: PathBuf,

        /// Another file
        #[arg(value_name = "B.onnx")]
        b: PathBuf,

        /// Largest difference that counts as none, as a fraction of a value's largest element, or of 1
        /// [default: 1e-4; 0.05 if one is float16 or resizes pictures and the other does not; 0.5 if one is int8 and the other
        /// is not; 0.01 if both are, and 0.05 if some layers of theirs stay float32]
        #[arg(long, value_name = "X", value_parser = tolerance)]
        tolerance: Option<f32>,

        /// ONNX Runtime's library [default: found as `mbn-infer --help` says]
        #[arg(long, value_name = "FILE")]
        ort_lib: Option<PathBuf>,

        /// Seconds that the files may take
        #[arg(long, value_name = "N", default_value_t = SECONDS)]
        time_limit: u64,

        /// Number of CPU threads [default: the cores that the program may use]
        #[arg(long, value_name = "N", value_parser = threads())]
        threads: Option<usize>,
    },
    /// Print an ONNX file's graph, metadata and counts
    Show {
        /// File to print
        #[arg(value_name = "FILE.onnx")]
        file: PathBuf,
    },
}

impl Command {
    /// Number of CPU threads, if the user says so.
    pub fn threads(&self) -> Option<usize> {
        match self {
            Self::Check { threads, .. } | Self::Diff { threads, .. } => *threads,
            Self::Show { .. } => None,
        }
    }
}

fn threads() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1024)
}

fn tolerance(text: &str) -> Result<f32, String> {
    let value = text
        .parse()
        .ok()
        .filter(|value: &f32| *value >= 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a number of at least 0".to_owned())
}
