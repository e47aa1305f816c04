//! Images per second of one engine on batches in memory, for `make bench`: one JSON object, the median over the
//! calls after two of warm-up. `ort` needs ONNX Runtime, as `mbn-infer` finds it.
//!
//! `cargo bench -p mbn-infer --bench engines -- --engine ort --alpha 1.0 --batch 32 --steps 8`
//!
//! `--device cuda[:N]` keeps two batches in flight, as `mbn-infer` does, copies included, and gives the mean over all of
//! them; if there is no such device the object is `{"skipped": REASON}`. `--precision fp16`, `--tf32 true`,
//! `--cudnn-search exhaustive`, `--cuda-graph true`, `--prefer-nhwc true` and `--fuse-conv-bias true` are as `mbn-infer`'s
//! and `mbn-export`'s. `--tf32 false` takes the tensor cores from float16 too, which `mbn-infer` never does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;
use mbn_cli::DeviceChoice;
use mbn_engine::CudaNetwork;
use mbn_engine::cuda::{CudaError, Folders};
use mbn_engine::engine::{CandleEngine, CudaOptions, Engine, ModelSource, OrtEngine, Reading};
use mbn_engine::images::{Images, PixelBuffer, Pixels};
use mbn_engine::lanes::Batch;
use mbn_engine::runtime;
use mbn_infer::options::CudnnSearchName;
use mbn_model::fresh_weights;
use mbn_onnx::{ExportOptions, Precision, export};
use mbn_spec::{Architecture, Metadata};
use mbn_weights::Weights;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
const SIZE: usize = 224;
const WARM_UP: usize = 2;
/// Batches given to the engines before the first is waited for: one runs and one waits on each of two threads.
const IN_FLIGHT: usize = 4;

struct Arguments {
    engine: String,
    device: DeviceChoice,
    alpha: String,
    precision: Precision,
    batch: usize,
    steps: usize,
    cuda: CudaOptions,
}

impl Arguments {
    fn of_command_line() -> Result<Self> {
        let mut found = Self {
            engine: "candle".to_owned(),
            device: DeviceChoice::Cpu,
            alpha: "1.0".to_owned(),
            precision: Precision::Fp32,
            batch: 32,
            steps: 8,
            cuda: CudaOptions::default(),
        };
        let mut tf32 = None;
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(flag) = args.next() {
            let value = args.next().unwrap_or_default();
            match flag.as_str() {
                "--engine" => found.engine = value,
                "--device" => found.device = value.parse()?,
                "--alpha" => found.alpha = value,
                "--precision" => {
                    found.precision = match value.as_str() {
                        "fp32" => Precision::Fp32,
                        "fp16" => Precision::Fp16,
                        _ => bail!("`--precision {value}`: expected fp32 or fp16"),
                    }
                }
                "--batch" => found.batch = value.parse()?,
                "--steps" => found.steps = value.parse()?,
                "--tf32" => tf32 = Some(value.parse()?),
                "--cuda-graph" => found.cuda.graph = value.parse()?,
                "--prefer-nhwc" => found.cuda.prefer_nhwc = value.parse()?,
                "--fuse-conv-bias" => found.cuda.fuse_conv_bias = value.parse()?,
                "--cudnn-search" => {
                    let name = CudnnSearchName::from_str(&value, true).map_err(anyhow::Error::msg)?;
                    found.cuda.search = name.into();
                }
                _ => bail!("unknown option `{flag}`"),
            }
        }
        if let DeviceChoice::Cuda(device) = found.device {
            found.cuda.device = device;
        }
        found.cuda = found.cuda.suited_to(found.precision.into());
        found.cuda.tf32 = tf32.unwrap_or(found.cuda.tf32);
        Ok(found)
    }

    fn onnx(&self, weights: &Weights) -> Result<Vec<u8>> {
        let options = ExportOptions {
            precision: self.precision,
            ..ExportOptions::default()
        };
        Ok(export(weights, &options)?.to_bytes())
    }

    fn result(&self, engine: &str, images_per_s: f64) -> Value {
        json!({
            "engine": engine,
            "alpha": self.alpha,
            "batch": self.batch,
            "images_per_s": images_per_s,
        })
    }

    fn engine(&self, weights: &Weights) -> Result<Box<dyn Engine>> {
        Ok(match self.engine.as_str() {
            "candle" => Box::new(CandleEngine::new(&weights.fold())?),
            "ort" => {
                let threads = rayon::current_num_threads();
                Box::new(OrtEngine::from_bytes(
                    &runtime::find(None)?,
                    &self.onnx(weights)?,
                    threads,
                )?)
            }
            name => bail!("`--engine {name}`: expected candle or ort"),
        })
    }

    fn on_cpu(&self, weights: &Weights) -> Result<Value> {
        let mut engine = self.engine(weights)?;
        let images = self.images();
        let mut times = Vec::new();
        for _ in 0..WARM_UP + self.steps {
            let start = Instant::now();
            engine.logits(Pixels::Float(&images), self.batch)?;
            times.push(start.elapsed().as_secs_f64());
        }
        let mut times = times.split_off(WARM_UP);
        times.sort_by(f64::total_cmp);
        let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
        Ok(self.result(&engine.describe(), self.batch as f64 / median))
    }

    /// The result, or why there is none: no device, or not all that it needs.
    fn on_cuda(&self, weights: &Weights) -> Result<Value> {
        if self.engine != "ort" {
            bail!(
                "`--engine {}` runs on the CPU here, `ort` runs on CUDA",
                self.engine
            );
        }
        let skipped = |why: String| Ok(json!({ "skipped": why }));
        let runtime = match runtime::find_with_cuda(None) {
            Ok(runtime) => runtime,
            Err(error) => return skipped(error.to_string()),
        };
        let (folders, source) = (Folders::new(None), ModelSource::Bytes(self.onnx(weights)?.into()));
        let reading = Reading::default();
        let network = CudaNetwork::load(&runtime, &source, &reading, self.cuda, &folders, SIZE, self.batch);
        let network = match network {
            Ok(network) => network,
            Err(error) if error.cuda().is_some_and(CudaError::is_no_device) => {
                return skipped(error.to_string());
            }
            Err(error) => return Err(error.into()),
        };
        let mut lanes = network.lanes;
        let images = Arc::new(Images::from(PixelBuffer::Float(self.images())));
        let values = 0..images.pixels().len();
        let mut run = |steps: usize| -> Result<f64> {
            let (start, mut in_flight) = (Instant::now(), VecDeque::<Batch>::new());
            for _ in 0..steps {
                if in_flight.len() == IN_FLIGHT
                    && let Some(oldest) = in_flight.pop_front()
                {
                    oldest.wait().logits?;
                }
                in_flight.push_back(lanes.submit(&images, values.clone(), self.batch));
            }
            for batch in in_flight {
                batch.wait().logits?;
            }
            Ok(start.elapsed().as_secs_f64())
        };
        run(WARM_UP * IN_FLIGHT)?;
        let seconds = run(self.steps)?;
        let images_per_s = (self.batch * self.steps) as f64 / seconds;
        Ok(self.result(lanes.describe(), images_per_s))
    }

    /// Values of a batch, from -1 to 1.
    fn images(&self) -> Vec<f32> {
        let value = |i: usize| (i * 7919 % 1009) as f32 / 504.5 - 1.0;
        (0..self.batch * 3 * SIZE * SIZE).map(value).collect()
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::of_command_line()?;
    let architecture = Architecture::new(arguments.alpha.parse()?, CLASSES);
    let weights = fresh_weights(architecture, 0, Metadata::default())?;
    let result = match arguments.device {
        DeviceChoice::Auto | DeviceChoice::Cpu => arguments.on_cpu(&weights)?,
        DeviceChoice::Cuda(_) => arguments.on_cuda(&weights)?,
    };
    println!("{result}");
    Ok(())
}
