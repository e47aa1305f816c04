//! The command line.

mod commands;
mod files;
mod keep_float;
mod recipe;
mod triton;
mod validate;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use mbn_cli::{CommonArgs, LibheifArgs, Overrides, UsageError};
use mbn_engine::images::MAX_BATCH;
use mbn_onnx::{ANTIALIASED_RESIZE, DEFAULT_OPSET, ExportOptions, InputKind, InputSize, OPSETS, Precision};
use mbn_quant::Method;
use mbn_spec::{Alpha, LayerSet};
use mbn_weights::is_weight_file;

pub use commands::Command;
pub use files::rejected;
pub(crate) use files::require_pictures_stay;
pub use keep_float::KeepFloat;
pub use recipe::Recipe;
pub use triton::TritonArgs;

const EXAMPLES: &str = "\
Examples:
  mbn-export --alpha 0.25 model.onnx
  mbn-export --weights hf:timm/mobilenetv1_100.ra4_e3600_r224_in1k model.onnx
  mbn-export --weights runs/photos_0.5/best.safetensors --input uint8 --softmax model.onnx
  mbn-export --alpha 1.0 --random-weights 7 --classes names.txt model.onnx
  mbn-export --alpha 0.25 --precision fp16 --check-images photos/ model.onnx
  mbn-export --alpha 0.25 --precision int8 --calibration photos/ model.onnx
  mbn-export --weights timm/model.safetensors --size 256 --shorter 269 model.onnx
  mbn-export --weights transformers/model.safetensors ours.safetensors
  mbn-export --weights w.safetensors --input uint8 --resize-inside --report proof.json model.onnx
  mbn-export --alpha 0.75 --triton repository
  mbn-export --alpha 0.75 --summary
  mbn-export check model.onnx
  mbn-export diff model.onnx half.onnx
  mbn-export show model.onnx

Exit codes: 0 the file is written, or passes; 1 it is not, or does not pass, or files differ; 2 a mistake on the command line; \
130 interrupted.";

/// Write MobileNetV1 weights as an ONNX file, verified before it gets its name
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mbn-export",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Options {
    #[command(subcommand)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub command: Option<Command>,

    /// File to write; named `.safetensors`, it gets the weights under this project's names, with their description
    #[arg(value_name = "OUT.onnx", required_unless_present_any = ["summary", "sensitivity", "triton"])]
    pub out: Option<PathBuf>,

    /// Width multiplier: 0.25, 0.5, 0.75 or 1.0 [default: the weights' own]
    #[arg(long, help_heading = "Model")]
    pub alpha: Option<Alpha>,

    /// Weights: safetensors, a PyTorch checkpoint, or `hf:OWNER/NAME[@REVISION][:FILE]` on the Hugging Face Hub [default: `models/mobilenet_v1_ALPHA.safetensors` in the current folder]
    #[arg(long, value_name = "WEIGHTS", help_heading = "Model")]
    pub weights: Option<PathBuf>,

    /// Use random weights, the same for the same seed
    #[arg(
        long,
        value_name = "SEED",
        requires = "alpha",
        conflicts_with = "weights",
        help_heading = "Model"
    )]
    pub random_weights: Option<u64>,

    /// File with the names of the classes, one per line in the order of the outputs, numbered, or as JSON [default: the names in the weight file; 10 for random weights]
    #[arg(long, value_name = "NAMES.txt", help_heading = "Model")]
    pub classes: Option<PathBuf>,

    /// Type of the weights and of the values computed from them; input and output stay float32
    #[arg(long, value_enum, default_value = "fp32", help_heading = "Graph")]
    pub precision: PrecisionName,

    /// ONNX operator set, 11 to 26, with the version of the format that came with it; int8 needs 13 [default: 17, and 18 with `--resize-inside`]
    #[arg(long, value_name = "N", help_heading = "Graph",
        value_parser = clap::value_parser!(i64).range(OPSETS))]
    pub opset: Option<i64>,

    /// Fix the number of images that the graph takes at once [default: any number]
    #[arg(long, value_name = "N", help_heading = "Graph",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MAX_BATCH as u64))]
    pub batch: Option<usize>,

    /// Keep batch norm as operations of its own
    #[arg(long, help_heading = "Graph")]
    pub no_fold: bool,

    /// The graph's input: `float` is normalised `[batch, 3, size, size]`, `uint8` is RGB pictures
    /// `[batch, size, size, 3]`, normalised inside [default: float, and uint8 with `--triton`]
    #[arg(long, value_enum, help_heading = "Graph")]
    pub input: Option<InputName>,

    /// Resize and crop inside the graph: it takes pictures of any size; needs `--input uint8` and opset 18
    #[arg(long, conflicts_with = "dynamic_size", help_heading = "Graph")]
    pub resize_inside: bool,

    /// Let height and width vary; the network computes on as many pixels as it gets
    #[arg(long, help_heading = "Graph")]
    pub dynamic_size: bool,

    /// Give `probabilities` beside `logits`
    #[arg(long, help_heading = "Graph")]
    pub softmax: bool,

    /// Give `features`, the pooled values that the classifier reads, beside `logits`
    #[arg(long, help_heading = "Graph")]
    pub features: bool,

    /// Print the table of layers; without OUT.onnx, only that
    #[arg(long, help_heading = "Output")]
    pub summary: bool,

    /// ONNX Runtime's library, which runs the file beside candle [default: found as `mbn-infer --help` says]
    #[arg(long, value_name = "FILE", help_heading = "Check")]
    pub ort_lib: Option<PathBuf>,

    /// Write the file without running it beside candle; it is still read again and checked
    #[arg(long, conflicts_with = "ort_lib", help_heading = "Check")]
    pub no_verify: bool,

    /// Folder of pictures on which the file is compared with candle, and float16's range checked, besides noise
    #[arg(long, value_name = "DIR", help_heading = "Check")]
    pub check_images: Option<PathBuf>,

    /// Write what the check found as JSON
    #[arg(
        long,
        value_name = "FILE.json",
        conflicts_with = "no_verify",
        help_heading = "Check"
    )]
    pub report: Option<PathBuf>,

    /// Keep a file that does not pass, as `OUT.rejected.onnx`
    #[arg(long, conflicts_with = "no_verify", help_heading = "Check")]
    pub keep_rejected: bool,

    #[command(flatten, next_help_heading = "Check")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub libheif: LibheifArgs,

    /// Folder of pictures, some hundreds of all classes, on which int8 measures the ranges of values
    #[arg(long, value_name = "DIR", help_heading = "int8")]
    pub calibration: Option<PathBuf>,

    /// How ranges follow from values: `minmax`, `percentile`, `entropy` or `mse` [default: mse]
    #[arg(long, value_name = "METHOD", help_heading = "int8")]
    pub calibrate_by: Option<Method>,

    /// Layers that stay float32, such as `stem,blocks.3,fc`; `auto` takes the costliest ones until the first class agrees on
    /// 99 % of the pictures
    #[arg(long, value_name = "auto|LAYERS", help_heading = "int8")]
    pub keep_float: Option<KeepFloat>,

    /// Print what it costs to quantise each layer alone; without OUT.onnx, only that
    #[arg(long, help_heading = "int8")]
    pub sensitivity: bool,

    /// Write a float16 file even if values may exceed float16's range and become infinite
    #[arg(long, help_heading = "Check")]
    pub allow_overflow: bool,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub triton: TritonArgs,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub overrides: Overrides,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub common: CommonArgs,
}

/// Values of `--precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionName {
    /// float32
    #[value(alias = "float32")]
    Fp32,
    /// float16
    #[value(aliases = ["float16", "half"])]
    Fp16,
    /// 8-bit integers, measured on the pictures of `--calibration`
    Int8,
}

/// Values of `--input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputName {
    /// Normalised float32, channels first.
    Float,
    /// Bytes of RGB pictures, channels last.
    Uint8,
}

impl AsRef<CommonArgs> for Options {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

/// Where the weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsSource {
    /// A file that the user names, and the alpha that the user expects of it, if any.
    File(PathBuf, Option<Alpha>),
    /// The file in `models/` for an alpha.
    Published(Alpha),
    /// Random weights from a seed.
    Random(Alpha, u64),
}

impl Options {
    /// How the graph is written.
    pub fn export_options(&self) -> ExportOptions {
        ExportOptions {
            opset: self.opset.unwrap_or(match self.resize_inside {
                true => ANTIALIASED_RESIZE.max(DEFAULT_OPSET),
                false => DEFAULT_OPSET,
            }),
            fold: !self.no_fold,
            precision: match self.precision {
                PrecisionName::Fp32 => Precision::Fp32,
                PrecisionName::Fp16 => Precision::Fp16,
                PrecisionName::Int8 => Precision::Int8,
            },
            keep_float: match self.keep_float {
                Some(KeepFloat::Layers(layers)) => layers,
                Some(KeepFloat::Auto) | None => LayerSet::NONE,
            },
            input: match (self.input, &self.triton.triton) {
                (Some(InputName::Uint8), _) | (None, Some(_)) => InputKind::Uint8,
                (Some(InputName::Float), _) | (None, None) => InputKind::Float,
            },
            size: match (self.resize_inside, self.dynamic_size) {
                (true, _) => InputSize::Resized,
                (false, true) => InputSize::Any,
                (false, false) => InputSize::Fixed,
            },
            batch: self.batch,
            softmax: self.softmax,
            features: self.features,
        }
    }

    /// How weights are quantised, if they are.
    pub fn recipe(&self) -> Option<Recipe<'_>> {
        let folder = self.calibration.as_deref()?;
        Some(Recipe {
            folder,
            method: self.calibrate_by.unwrap_or_default(),
            keep: self.keep_float.unwrap_or(KeepFloat::Layers(LayerSet::NONE)),
            sensitivity: self.sensitivity,
            features: self.features,
        })
    }

    /// OUT, if weights are to be written there.
    pub fn weights_out(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| is_weight_file(out))
    }

    /// Where the weights come from.
    ///
    /// # Errors
    /// [`UsageError`] if neither an alpha nor a weight file is named.
    pub fn source(&self) -> Result<WeightsSource> {
        match (&self.weights, self.random_weights, self.alpha) {
            (Some(path), _, alpha) => Ok(WeightsSource::File(path.clone(), alpha)),
            (None, Some(seed), Some(alpha)) => Ok(WeightsSource::Random(alpha, seed)),
            (None, None, Some(alpha)) => Ok(WeightsSource::Published(alpha)),
            (None, _, None) => {
                let message = "the weights are not named: give `--alpha ALPHA` for those in `models/`, or `--weights FILE`";
                Err(UsageError(message.into()).into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
