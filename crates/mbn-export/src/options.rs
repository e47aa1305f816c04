//! The command line.

mod commands;
mod keep_float;
mod recipe;
mod triton;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use mbn_cli::{CommonArgs, Hint, Overrides, UsageError};
use mbn_engine::images::MAX_BATCH;
use mbn_onnx::{ANTIALIASED_RESIZE, DEFAULT_OPSET, ExportOptions, InputKind, InputSize, OPSETS, Precision};
use mbn_quant::Method;
use mbn_spec::{Alpha, LayerSet};
use mbn_weights::is_weight_file;

pub use commands::Command;
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
  mbn-export show model.onnx";

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

    /// File with one class name per line [default: the names in the weight file; 10 for random weights]
    #[arg(long, value_name = "NAMES.txt", help_heading = "Model")]
    pub classes: Option<PathBuf>,

    /// Type of the weights and of the values computed from them; input and output stay float32
    #[arg(long, value_enum, default_value = "fp32", help_heading = "Graph")]
    pub precision: PrecisionName,

    /// ONNX operator set, 13 to 26, with the version of the format that came with it [default: 17, and 18 with `--resize-inside`]
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
    Fp32,
    /// float16
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
        })
    }

    /// OUT, if weights are to be written there.
    pub fn weights_out(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| is_weight_file(out))
    }

    /// Refuses options that have no effect.
    ///
    /// # Errors
    /// [`UsageError`], for exit code 2.
    pub fn validate(&self) -> Result<()> {
        if self.allow_overflow && self.precision != PrecisionName::Fp16 {
            let message = "`--allow-overflow` has no effect without `--precision fp16`";
            return Err(UsageError(message.to_owned()).into());
        }
        if self.check_images.is_some() && self.no_verify && self.precision != PrecisionName::Fp16 {
            let message = "`--check-images` has no effect with `--no-verify`, but for `--precision fp16`";
            return Err(UsageError(message.to_owned()).into());
        }
        self.validate_int8()?;
        self.validate_triton()?;
        let of_graph = [
            (self.precision != PrecisionName::Fp32, "--precision"),
            (self.opset.is_some(), "--opset"),
            (self.batch.is_some(), "--batch"),
            (self.resize_inside, "--resize-inside"),
            (self.dynamic_size, "--dynamic-size"),
            (self.features, "--features"),
            (self.report.is_some(), "--report"),
            (self.keep_rejected, "--keep-rejected"),
            (self.check_images.is_some(), "--check-images"),
            (self.no_fold, "--no-fold"),
            (self.input.is_some(), "--input"),
            (self.softmax, "--softmax"),
            (self.ort_lib.is_some(), "--ort-lib"),
            (self.no_verify, "--no-verify"),
        ];
        let given = of_graph.iter().find(|(given, _)| *given);
        if let (Some(out), Some((_, option))) = (self.weights_out(), given) {
            let message = format!(
                "`{option}` has no effect on weights, as `{}` is to be",
                out.display()
            );
            return Err(UsageError(message).into());
        }
        let valid = self.export_options().validate();
        valid
            .map_err(|error| UsageError(error.to_string()))
            .hint(|| "`--resize-inside` needs `--input uint8`, and opset 18 or newer".to_owned())
    }

    fn validate_triton(&self) -> Result<()> {
        let Some(folder) = &self.triton.triton else {
            return Ok(());
        };
        let folder = folder.display();
        if let Some(out) = &self.out {
            let message = format!(
                "`--triton {folder}` says where the model goes, and `{}` another place",
                out.display()
            );
            return Err(UsageError(message))
                .hint(|| format!("leave one of them out: the file is in `{folder}/NAME/1/model.onnx`"));
        }
        if self.keep_rejected {
            let message = "`--keep-rejected` keeps no file in a repository, where a server would find it";
            return Err(UsageError(message.to_owned()))
                .hint(|| "export to OUT.onnx to look at a file that does not pass".to_owned());
        }
        Ok(())
    }

    fn validate_int8(&self) -> Result<()> {
        let int8 = self.precision == PrecisionName::Int8;
        let of_int8 = [
            (self.calibration.is_some(), "--calibration"),
            (self.calibrate_by.is_some(), "--calibrate-by"),
            (self.keep_float.is_some(), "--keep-float"),
            (self.sensitivity, "--sensitivity"),
        ];
        let message = match of_int8.iter().find(|(given, _)| *given) {
            Some((_, option)) if !int8 => format!("`{option}` has no effect without `--precision int8`"),
            _ if int8 && self.no_fold => {
                "`--precision int8` folds batch norm, which `--no-fold` keeps".to_owned()
            }
            _ if int8 && self.calibration.is_none() => {
                let message = "`--precision int8` measures the ranges of values on pictures: `--calibration DIR` is missing";
                return Err(UsageError(message.to_owned()))
                    .hint(|| "some hundreds of training photos, of all classes, are enough".to_owned());
            }
            _ => return Ok(()),
        };
        Err(UsageError(message).into())
    }

    /// Where the weights come from.
    ///
    /// # Errors
    /// [`UsageError`] if neither an alpha nor a weight file is named, or OUT is the file that is read.
    pub fn source(&self) -> Result<WeightsSource> {
        if let (Some(out), Some(weights)) = (&self.out, &self.weights)
            && out == weights
        {
            let message = format!(
                "`{}` is the file that is read, and would be replaced",
                out.display()
            );
            return Err(UsageError(message).into());
        }
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
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(line.split(' '))
    }

    #[test]
    fn command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_librarys() {
        let options = parse("mbn-export --alpha 1 out.onnx").unwrap();
        assert_eq!(options.export_options(), ExportOptions::default());
        assert_eq!(options.source().unwrap(), WeightsSource::Published(Alpha::One));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "mbn-export --alpha 0.25",
            "mbn-export --alpha 0.3 out.onnx",
            "mbn-export --random-weights 1 out.onnx",
            "mbn-export --alpha 1 --weights w --random-weights 1 out.onnx",
            "mbn-export --alpha 1 --precision int4 out.onnx",
            "mbn-export --alpha 1 --precision int8 --calibration d --calibrate-by guess out.onnx",
            "mbn-export --alpha 1 --precision int8 --calibration d --keep-float blocks.14 out.onnx",
            "mbn-export --alpha 1 --opset 12 out.onnx",
            "mbn-export --alpha 1 --input jpeg out.onnx",
            "mbn-export --alpha 1 one.onnx two.onnx",
            "mbn-export --alpha 1 --triton",
            "mbn-export --alpha 1 --triton-name birds out.onnx",
            "mbn-export --alpha 1 --triton repository --triton-name a/b",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in [
            "mbn-export out.onnx",
            "mbn-export --weights a.safetensors a.safetensors",
        ] {
            assert!(parse(line).unwrap().source().is_err(), "{line}");
        }
        for option in [
            "--softmax",
            "--no-fold",
            "--opset 18",
            "--precision fp16",
            "--input uint8",
        ] {
            let line = format!("mbn-export --weights a.safetensors {option} b.safetensors");
            let message = parse(&line).unwrap().validate().unwrap_err().to_string();
            assert!(message.contains(option.split(' ').next().unwrap()), "{message}");
        }
    }

    #[test]
    fn int8_needs_pictures_and_its_options_need_int8() {
        let message = |line: &str| parse(line).unwrap().validate().unwrap_err().to_string();
        for (line, named) in [
            ("--precision int8", "--calibration DIR"),
            ("--precision int8 --calibration d --no-fold", "--no-fold"),
            ("--calibration d", "--calibration"),
            ("--precision fp16 --calibrate-by mse", "--calibrate-by"),
            ("--keep-float auto", "--keep-float"),
            ("--sensitivity", "--sensitivity"),
        ] {
            let message = message(&format!("mbn-export --alpha 1 {line} out.onnx"));
            assert!(message.contains(named), "{line}: {message}");
        }
        let line = "mbn-export --alpha 1 --precision int8 --calibration d --keep-float stem,fc out.onnx";
        let options = parse(line).unwrap();
        options.validate().unwrap();
        let float = LayerSet::NONE.with(0).with(27);
        assert_eq!(options.export_options().keep_float, float);
    }

    #[test]
    fn a_repository_takes_bytes_unless_floats_are_asked_for_and_no_file_beside_it() {
        let input = |line: &str| {
            let options = parse(&format!("mbn-export --alpha 1 {line}")).unwrap();
            options.validate().unwrap();
            options.export_options().input
        };
        assert_eq!(input("--triton r"), InputKind::Uint8);
        assert_eq!(
            input("--triton r --input uint8 --resize-inside"),
            InputKind::Uint8
        );
        assert_eq!(input("--triton r --resize-inside"), InputKind::Uint8);
        assert_eq!(input("--triton r --input float"), InputKind::Float);
        assert_eq!(input("out.onnx"), InputKind::Float);
        for line in [
            "--triton r out.onnx",
            "--triton r out.safetensors",
            "--triton r --keep-rejected",
        ] {
            let options = parse(&format!("mbn-export --alpha 1 {line}")).unwrap();
            assert!(options.validate().is_err(), "{line}");
        }
    }

    #[test]
    fn each_source_can_be_named() {
        let source = |line| parse(line).unwrap().source().unwrap();
        assert_eq!(
            source("mbn-export --weights w out.onnx"),
            WeightsSource::File("w".into(), None)
        );
        let file = source("mbn-export --weights w --alpha 0.5 out.onnx");
        assert_eq!(file, WeightsSource::File("w".into(), Some(Alpha::Half)));
        let random = source("mbn-export --alpha 0.25 --random-weights 3 out.onnx");
        assert_eq!(random, WeightsSource::Random(Alpha::Quarter, 3));
    }
}
