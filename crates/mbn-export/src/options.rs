//! The command line.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use mbn_cli::{CommonArgs, Overrides, UsageError};
use mbn_onnx::{DEFAULT_OPSET, ExportOptions, InputKind, OPSETS, Precision};
use mbn_spec::Alpha;
use mbn_weights::is_weight_file;

const EXAMPLES: &str = "\
Examples:
  mbn-export --alpha 0.25 model.onnx
  mbn-export --weights hf:timm/mobilenetv1_100.ra4_e3600_r224_in1k model.onnx
  mbn-export --weights runs/photos_0.5/best.safetensors --input uint8 --softmax model.onnx
  mbn-export --alpha 1.0 --random-weights 7 --classes names.txt model.onnx
  mbn-export --alpha 0.25 --precision fp16 --check-images photos/ model.onnx
  mbn-export --weights timm/model.safetensors --size 256 --shorter 269 model.onnx
  mbn-export --weights transformers/model.safetensors ours.safetensors
  mbn-export --alpha 0.75 --summary";

/// Write MobileNetV1 weights as an ONNX file, verified before it gets its name
#[derive(Clone, Debug, Parser)]
#[command(name = "mbn-export", version, after_help = EXAMPLES)]
pub struct Options {
    /// File to write; named `.safetensors`, it gets the weights under this project's names, with their description
    #[arg(value_name = "OUT.onnx", required_unless_present = "summary")]
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

    /// ONNX operator set
    #[arg(long, value_name = "N", default_value_t = DEFAULT_OPSET, help_heading = "Graph",
        value_parser = clap::value_parser!(i64).range(OPSETS))]
    pub opset: i64,

    /// Keep batch norm as operations of its own
    #[arg(long, help_heading = "Graph")]
    pub no_fold: bool,

    /// The graph's input: `float` is normalised `[batch, 3, size, size]`, `uint8` is RGB pictures
    /// `[batch, size, size, 3]`, normalised inside
    #[arg(long, value_enum, default_value = "float", help_heading = "Graph")]
    pub input: InputName,

    /// Give `probabilities` instead of `logits`
    #[arg(long, help_heading = "Graph")]
    pub softmax: bool,

    /// Print the table of layers; without OUT.onnx, only that
    #[arg(long, help_heading = "Output")]
    pub summary: bool,

    /// ONNX Runtime's library, which runs the file beside candle [default: found as `mbn-infer --help` says]
    #[arg(long, value_name = "FILE", help_heading = "Check")]
    pub ort_lib: Option<PathBuf>,

    /// Write the file without running it beside candle; it is still read again and checked
    #[arg(long, conflicts_with = "ort_lib", help_heading = "Check")]
    pub no_verify: bool,

    /// Folder of pictures on which float16's range is checked, besides noise
    #[arg(long, value_name = "DIR", help_heading = "Check")]
    pub check_images: Option<PathBuf>,

    /// Write a float16 file even if values may exceed float16's range and become infinite
    #[arg(long, help_heading = "Check")]
    pub allow_overflow: bool,

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
            opset: self.opset,
            fold: !self.no_fold,
            precision: match self.precision {
                PrecisionName::Fp32 => Precision::Fp32,
                PrecisionName::Fp16 => Precision::Fp16,
            },
            input: match self.input {
                InputName::Float => InputKind::Float,
                InputName::Uint8 => InputKind::Uint8,
            },
            softmax: self.softmax,
        }
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
        let of_half = [
            (self.check_images.is_some(), "--check-images"),
            (self.allow_overflow, "--allow-overflow"),
        ];
        for (given, option) in of_half {
            if given && self.precision != PrecisionName::Fp16 {
                let message = format!("`{option}` has no effect without `--precision fp16`");
                return Err(UsageError(message).into());
            }
        }
        let of_graph = [
            (self.precision != PrecisionName::Fp32, "--precision"),
            (self.opset != DEFAULT_OPSET, "--opset"),
            (self.no_fold, "--no-fold"),
            (self.input != InputName::Float, "--input"),
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
        Ok(())
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
            "mbn-export --alpha 1 --precision int8 out.onnx",
            "mbn-export --alpha 1 --opset 12 out.onnx",
            "mbn-export --alpha 1 --input jpeg out.onnx",
            "mbn-export --alpha 1 one.onnx two.onnx",
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
