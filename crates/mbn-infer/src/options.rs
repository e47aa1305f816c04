//! The command line.

mod bench;
mod check;
mod cuda;
mod files;
mod parts;
mod sorted;
mod validation;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use mbn_cli::{CommonArgs, DeviceArgs, LibheifArgs, PreprocessArgs};
use mbn_data::DEFAULT_MAX_PIXELS;
use mbn_engine::images::MAX_BATCH;
use mbn_spec::Preset;

use crate::output::{Extra, Form, OutputFormat};
use crate::shard::ShardArg;

pub use bench::{BenchFormat, BenchOptions};
pub use cuda::CudaArgs;
pub use sorted::SortFolders;
pub use values::{BadImages, ChannelOrder, CudnnSearchName, EngineKind, ParityScope};

const EXAMPLES: &str = "\
Examples:
  mbn-infer examples/images
  mbn-infer --model model.onnx --format json --output result.jsonl photos/ 'more/*.jpg'
  find photos -name '*.png' -print0 | mbn-infer --list - --null --format csv
  mbn-infer --format csv --output result-{shard}.csv --shard 0/4 --resume photos/
  mbn-infer --evaluate --evaluation results data/val
  mbn-infer --html results.html photos/
  mbn-infer --threshold 0.5 --logits --features --format json --engine candle photos/
  mbn-infer --sort-into sorted --sort-links photos/
  mbn-infer --bad-images report --format csv --output result.csv photos/
  mbn-infer --device cuda --batch-size 64 --model model.onnx photos/
  mbn-infer bench --batch-size 1,8 --threads 1,2 model.onnx half.onnx int8.onnx
  mbn-infer --model resnet.onnx --preprocess imagenet --classes synset.txt photos/

ONNX Runtime's library is searched for in this order: `--ort-lib`, `ORT_DYLIB_PATH`, in the repository in whose `target/` \
the program lies `onnxruntime/cuda/lib/` (from `make onnxruntime-cuda`) and `onnxruntime/lib/` (from `make onnxruntime`), with \
`--device cpu` the other way round, beside the program, the package `onnxruntime` in the Python environment that the \
program is installed in or that is active, the system's libraries. NVIDIA's libraries: `--cuda-libs`, the folders in \
`MBN_CUDA_LIBS`, the system's (`LD_LIBRARY_PATH`), the same Python environments.

Exit codes: 0 all inputs were classified, or there were none; 1 the work could not be done, or parity failed; 2 a mistake on the command \
line; 3 some inputs, or all, could not be used; 130 interrupted.";

/// Classify images
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mbn-infer",
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

    /// Image files, folders (with all folders inside), glob patterns, tar archives (`-` is one on stdin), or Parquet and Arrow files with a
    /// column of images
    #[arg(value_name = "PATH", required_unless_present = "list", help_heading = "Input")]
    pub paths: Vec<PathBuf>,

    /// File with one path per line, classified after PATH; `-` is stdin
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "evaluate",
        help_heading = "Input"
    )]
    pub list: Option<PathBuf>,

    /// The paths of `--list` end in null bytes, as `find -print0` prints them, instead of at the ends of lines
    #[arg(long, requires = "list", help_heading = "Input")]
    pub null: bool,

    /// Column of Parquet and Arrow files that holds the images [default: the only one that can, else the first of `image`, `img`,
    /// `picture`, `photo`, `jpg`, `png`]
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "evaluate",
        help_heading = "Input"
    )]
    pub column: Option<String>,

    /// Take only every N-th input, from the I-th on, counted from 0, as one of N processes; `launcher` asks Open MPI, PMI or Slurm
    /// for I and N; `launcher/N` asks a Slurm array or a Kubernetes Indexed Job for I alone
    #[arg(long, value_name = "I/N|launcher", help_heading = "Input")]
    pub shard: Option<ShardArg>,

    /// Take the paths as folders of `CLASS/*` and report accuracy, precision, recall, F1 and calibration
    #[arg(long, help_heading = "Input")]
    pub evaluate: bool,

    /// Folder for what `--evaluate` finds: `evaluation.json`, `classes.csv`, `confusion.png` and `reliability.png`
    #[arg(long, value_name = "DIR", requires = "evaluate", help_heading = "Output")]
    pub evaluation: Option<PathBuf>,

    /// Decode every pixel of JPEG files that are much larger than the network's input [default: decode them at 1/2, 1/4
    /// or 1/8 of their size]
    #[arg(long, help_heading = "Input")]
    pub full_decode: bool,

    /// Most pixels of an image; larger ones cannot be used
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PIXELS, help_heading = "Input",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: u64,

    #[command(flatten, next_help_heading = "Input")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub libheif: LibheifArgs,

    /// What inputs that cannot be used do to the exit code; the others are classified either way
    #[arg(
        long,
        value_enum,
        value_name = "CODE",
        default_value = "fail",
        help_heading = "Input"
    )]
    pub bad_images: BadImages,

    /// An ONNX file, or weights (safetensors, a PyTorch checkpoint); `hf:OWNER/NAME[@REVISION][:FILE]` fetches either
    /// [default: `model.onnx`, else the weights built into the program]
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    pub model: Option<PathBuf>,

    /// How images become the model's input, if it does not say it: `imagenet`, `half` (-1 to 1), `unit` (0 to 1), `bytes`
    /// (0 to 255), `ultralytics`, `keras`, `timm`, `clip`; the options below override single parts
    #[arg(long, value_name = "PRESET", help_heading = "Model")]
    pub preprocess: Option<Preset>,

    #[command(flatten, next_help_heading = "Model")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub images: PreprocessArgs,

    /// Order of the channels that another tool's model takes: `rgb` or `bgr`; `--mean` and `--std` are in the order of red, green and
    /// blue either way [default: what the model shows, else `rgb`]
    #[arg(
        long,
        value_enum,
        value_name = "ORDER",
        hide_possible_values = true,
        help_heading = "Model"
    )]
    pub channels: Option<ChannelOrder>,

    /// File with the names of the classes, one per line in the order of the outputs, numbered, or as JSON; `n01440764 tench` is an
    /// identifier and a name [default: the model's metadata, `config.json`, `labels.txt` or `synset.txt` beside it]
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    pub classes: Option<PathBuf>,

    /// The model's output that has the classes' values [default: found by its shape and by the nodes that make it]
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub output_name: Option<String>,

    /// Several classes may be right at once: each gets a probability by itself, sigmoid instead of softmax
    #[arg(long, help_heading = "Model")]
    pub multi_label: bool,

    /// Number of classes to print for each image, at most [default: 3, or with `--threshold` and several right classes all that
    /// reach it]
    #[arg(long, value_name = "K", help_heading = "Output",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub top_k: Option<usize>,

    /// Probability from 0 to 1 under which a picture's likeliest class makes the result uncertain, and under which other
    /// classes are left out
    #[arg(long, value_name = "P", value_parser = parse_probability, help_heading = "Output")]
    pub threshold: Option<f32>,

    /// Write the logits, of which softmax makes the probabilities (JSON, CSV and Parquet)
    #[arg(long, help_heading = "Output")]
    pub logits: bool,

    /// Write the pooled features, the input of the classifier (JSON and CSV)
    #[arg(long, help_heading = "Output")]
    pub features: bool,

    /// Format of the results [default: as the name of `--output` ends, else text]
    #[arg(long = "format", value_enum, help_heading = "Output")]
    pub stated_format: Option<OutputFormat>,

    /// File to write instead of stdout, or `-` for stdout; `{shard}` in its name is the number of the shard. Until it is complete, it is called
    /// `FILE.partial`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Continue `FILE.partial` of an interrupted run with the same inputs and options; if there is none, begin it
    #[arg(long, requires = "output", help_heading = "Output")]
    pub resume: bool,

    /// Page with thumbnails and results to look through in a browser; it needs no network. `{shard}` as in `--output`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// Folder that gets a copy of each picture, in a folder named like its likeliest class; `{shard}` as in `--output`
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub sort_into: Option<PathBuf>,

    /// Symbolic links instead of copies
    #[arg(long, requires = "sort_into", help_heading = "Output")]
    pub sort_links: bool,

    /// Images whose logits are compared with candle's: none, the first batch, all [default: first]
    #[arg(long, value_enum, value_name = "IMAGES", help_heading = "Check")]
    pub parity: Option<ParityScope>,

    /// Largest difference of a logit, or of a probability's logarithm, that passes [default: 1e-4; for a float16 model
    /// 5 % of the largest logit, for an int8 one 1 %, or 5 % with layers in float32; on CUDA 1e-3, with float16 or TF32 2 %;
    /// with each of these but float32 the first class agrees on 99 % of the images]
    #[arg(long, value_name = "X", value_parser = parse_tolerance, help_heading = "Check")]
    pub tolerance: Option<f32>,

    /// Weights for candle: a file, or `hf:OWNER/NAME[@REVISION][:FILE]` [default: those that the model was made from, beside it or in `models/`]
    #[arg(long, value_name = "FILE", help_heading = "Check")]
    pub weights: Option<PathBuf>,

    /// Engine that classifies [default: `ort` if ONNX Runtime is found]
    #[arg(long, value_enum, help_heading = "Engine")]
    pub engine: Option<EngineKind>,

    /// ONNX Runtime's library
    #[arg(long, value_name = "FILE", help_heading = "Engine")]
    pub ort_lib: Option<PathBuf>,

    /// Images that the network takes at once, 5 MB of memory for each [default: two for each thread, from 4 to 32; on
    /// CUDA 64]
    #[arg(long, value_name = "N", help_heading = "Engine",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MAX_BATCH as u64))]
    pub batch_size: Option<usize>,

    #[command(flatten, next_help_heading = "Engine")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub device: DeviceArgs,

    #[command(flatten, next_help_heading = "CUDA")]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub cuda: CudaArgs,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub common: CommonArgs,

    /// `sort_into` before its `{shard}` became a number, and how many shards there are.
    #[arg(skip)]
    pub sort_template: Option<(PathBuf, u64)>,

    /// Processes on this machine that the launcher started before this one
    #[arg(skip)]
    pub before: usize,
}

/// What the program does besides classifying.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Measure latency and throughput of models on this machine, on the CPU and without decoding
    Bench(BenchOptions),
}

/// Default on CUDA: enough images to keep a card busy, few enough for the smallest.
const CUDA_BATCH: usize = 64;

impl AsRef<CommonArgs> for Options {
    fn as_ref(&self) -> &CommonArgs {
        &self.common
    }
}

impl Options {
    /// Images that the network takes at once. By default as few as keep all threads busy, so that the values between
    /// layers stay in the processor's caches.
    pub fn batch_len(&self) -> usize {
        self.batch_size
            .unwrap_or_else(|| (2 * self.common.thread_count()).clamp(4, 32))
    }

    /// As [`Options::batch_len`], on CUDA.
    pub fn cuda_batch_len(&self) -> usize {
        self.batch_size.unwrap_or(CUDA_BATCH)
    }

    /// Whether something besides the results is asked for, which needs all images.
    pub fn wants_more_than_results(&self) -> bool {
        let checks = self.parity.is_some_and(|scope| scope != ParityScope::Off);
        self.html.is_some() || self.sort_into.is_some() || self.evaluate || checks
    }

    /// The format of the results.
    pub fn format(&self) -> OutputFormat {
        let of_name = || OutputFormat::of_name(self.output.as_deref()?);
        self.stated_format.or_else(of_name).unwrap_or(OutputFormat::Text)
    }

    /// How results are written.
    pub fn form(&self) -> Form {
        Form {
            format: self.format(),
            extra: Extra {
                uncertain: self.threshold.is_some(),
                logits: self.logits,
                features: self.features,
                true_class: self.evaluate,
            },
        }
    }

    /// Whether the likeliest class reaches the threshold, if there is one.
    pub fn is_certain(&self, probabilities: &[f32]) -> bool {
        let Some(threshold) = self.threshold else {
            return true;
        };
        probabilities.iter().any(|probability| *probability >= threshold)
    }
}

fn parse_probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

fn parse_tolerance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}

#[cfg(test)]
mod tests;
