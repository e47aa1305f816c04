//! Throughput of training steps and of inference on synthetic images, the figures that `make bench` compares with
//! PyTorch's: one JSON object, the median over the steps after two of warm-up.
//!
//! `cargo bench -p mbn-model --bench step -- --alpha 1.0 --batch 32 --size 224 --steps 8 --precision f32`

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, bail};
use mbn_model::{InferenceNetwork, Network, Optimizer, OptimizerKind, cross_entropy, fresh_weights};
use mbn_spec::{Architecture, Metadata};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
const WARM_UP: usize = 2;

struct Options {
    alpha: String,
    batch: usize,
    size: usize,
    steps: usize,
    precision: DType,
    train: bool,
    infer: bool,
}

fn options() -> Result<Options> {
    let mut options = Options {
        alpha: "1.0".into(),
        batch: 32,
        size: 224,
        steps: 8,
        precision: DType::F32,
        train: true,
        infer: true,
    };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let mut value = || args.next().unwrap_or_default();
        let number = |value: String| value.parse().map_err(candle_core::Error::wrap);
        match flag.as_str() {
            "--alpha" => options.alpha = value(),
            "--batch" => options.batch = number(value())?,
            "--size" => options.size = number(value())?,
            "--steps" => options.steps = number(value())?,
            "--precision" if value() == "bf16" => options.precision = DType::BF16,
            "--precision" => {}
            "--train-only" => options.infer = false,
            "--infer-only" => options.train = false,
            _ => bail!("unknown option `{flag}`"),
        }
    }
    Ok(options)
}

/// Images per second.
fn rate(options: &Options, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..options.steps + WARM_UP {
        let start = Instant::now();
        step()?;
        times.push(start.elapsed().as_secs_f64());
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
    Ok(options.batch as f64 / median)
}

/// Largest resident memory of this process in MiB, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn main() -> Result<()> {
    let options = options()?;
    let device = Device::Cpu;
    let alpha = options.alpha.parse().map_err(candle_core::Error::wrap)?;
    let weights = fresh_weights(Architecture::new(alpha, CLASSES), 0, Metadata::default())?;
    let Options { batch, size, .. } = options;
    let images = Tensor::randn(0f32, 1f32, (batch, 3, size, size), &device)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i * 7 % CLASSES as u32).collect();
    let labels = Tensor::new(labels, &device)?;

    let (mut train, mut infer) = (None, None);
    if options.train {
        let mut network = Network::from_weights(&weights, &device)?;
        network.set_precision(options.precision);
        let sgd = OptimizerKind::Sgd {
            momentum: 0.9,
            nesterov: false,
        };
        let mut optimizer = Optimizer::new(sgd, 1e-4, true);
        train = Some(rate(&options, || {
            let pass = network.forward_train(&images)?;
            let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
            let gradients = network.backward(pass, &loss)?;
            optimizer.step(network.parameters(), &gradients, 0.05)
        })?);
    }
    if options.infer {
        let network = InferenceNetwork::new(&weights.fold(), &device)?;
        infer = Some(rate(&options, || network.forward(&images).map(drop))?);
    }
    let result = serde_json::json!({
        "engine": "candle",
        "version": env!("CARGO_PKG_VERSION"),
        "alpha": options.alpha,
        "batch": batch,
        "size": size,
        "precision": if options.precision == DType::BF16 { "bf16" } else { "f32" },
        "threads": rayon::current_num_threads(),
        "train_images_per_s": train,
        "infer_images_per_s": infer,
        "peak_mib": peak_memory(),
    });
    println!("{result}");
    Ok(())
}
