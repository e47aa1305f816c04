//! Throughput of training steps and of inference on synthetic images, the figures that `make bench` compares with
//! PyTorch's: one JSON object, the median over the steps after two of warm-up.
//!
//! `cargo bench -p mbn-model --bench step -- --alpha 1.0 --batch 32 --size 224 --steps 8 --precision f32`
//!
//! `--device cuda[:N]` times each step to the end of the device's work and adds the bandwidth of a copy on the device;
//! where there is no such device the object is `{"skipped": REASON}`. `--precision` is as `mbn-train`'s.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, bail};
use mbn_cli::DeviceChoice;
use mbn_model::{InferenceNetwork, Network, Optimizer, OptimizerKind, cross_entropy, fresh_weights};
use mbn_spec::{Architecture, Metadata};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
const WARM_UP: usize = 2;
/// float32 values of the copy that is timed: 512 MiB, which no cache holds.
const COPIED: usize = 128 << 20;
const COPIES: usize = 10;

#[derive(Clone, Copy)]
enum Precision {
    F32,
    Tf32,
    Bf16,
}

impl Precision {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

struct Options {
    device: DeviceChoice,
    alpha: String,
    batch: usize,
    size: usize,
    steps: usize,
    precision: Precision,
    train: bool,
    infer: bool,
}

fn options() -> Result<Options> {
    let mut options = Options {
        device: DeviceChoice::Cpu,
        alpha: "1.0".into(),
        batch: 32,
        size: 224,
        steps: 8,
        precision: Precision::F32,
        train: true,
        infer: true,
    };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let mut value = || args.next().unwrap_or_default();
        let number = |value: String| value.parse().map_err(candle_core::Error::wrap);
        match flag.as_str() {
            "--device" => options.device = value().parse().map_err(candle_core::Error::wrap)?,
            "--alpha" => options.alpha = value(),
            "--batch" => options.batch = number(value())?,
            "--size" => options.size = number(value())?,
            "--steps" => options.steps = number(value())?,
            "--precision" => {
                options.precision = match value().as_str() {
                    "f32" => Precision::F32,
                    "tf32" => Precision::Tf32,
                    "bf16" => Precision::Bf16,
                    other => bail!("`--precision {other}`: expected f32, tf32 or bf16"),
                }
            }
            "--train-only" => options.infer = false,
            "--infer-only" => options.train = false,
            _ => bail!("unknown option `{flag}`"),
        }
    }
    Ok(options)
}

/// Median time of a step in seconds, to the end of the device's work.
fn median(steps: usize, device: &Device, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..steps + WARM_UP {
        let start = Instant::now();
        step()?;
        device.synchronize()?;
        times.push(start.elapsed().as_secs_f64());
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    Ok((times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0)
}

/// Bytes read and written per second by a copy on the device.
fn copy_bandwidth(device: &Device) -> Result<f64> {
    let from = Tensor::ones(COPIED, DType::F32, device)?;
    let seconds = median(COPIES, device, || from.copy().map(drop))?;
    Ok((2 * COPIED * size_of::<f32>()) as f64 / seconds)
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
    let device = match options.device {
        DeviceChoice::Auto | DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda(index) => match mbn_ops::open_cuda(index) {
            Ok(device) => device,
            Err(reason) => {
                println!("{}", serde_json::json!({ "skipped": reason.to_string() }));
                return Ok(());
            }
        },
    };
    mbn_ops::allow_tf32(matches!(options.precision, Precision::Tf32));
    let alpha = options.alpha.parse().map_err(candle_core::Error::wrap)?;
    let weights = fresh_weights(Architecture::new(alpha, CLASSES), 0, Metadata::default())?;
    let Options {
        batch, size, steps, ..
    } = options;
    let rate = |seconds: f64| batch as f64 / seconds;
    let images = Tensor::randn(0f32, 1f32, (batch, 3, size, size), &device)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i * 7 % CLASSES as u32).collect();
    let labels = Tensor::new(labels, &device)?;

    let (mut train, mut infer) = (None, None);
    if options.train {
        let mut network = Network::from_weights(&weights, &device)?;
        network.set_precision(options.precision.dtype());
        let sgd = OptimizerKind::Sgd {
            momentum: 0.9,
            nesterov: false,
        };
        let mut optimizer = Optimizer::new(sgd, 1e-4, true);
        let seconds = median(steps, &device, || {
            let pass = network.forward_train(&images)?;
            let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
            let gradients = network.backward(pass, &loss)?;
            optimizer.step(network.parameters(), &gradients, 0.05)
        })?;
        train = Some(rate(seconds));
    }
    if options.infer {
        let network = InferenceNetwork::new(&weights.fold(), &device)?;
        let seconds = median(steps, &device, || network.forward(&images).map(drop))?;
        infer = Some(rate(seconds));
    }
    let bandwidth = match device.is_cuda() {
        true => Some(copy_bandwidth(&device)? / 1e9),
        false => None,
    };
    let result = serde_json::json!({
        "engine": "candle",
        "device": mbn_ops::device_name(&device),
        "version": env!("CARGO_PKG_VERSION"),
        "alpha": options.alpha,
        "batch": batch,
        "size": size,
        "precision": options.precision.name(),
        "threads": rayon::current_num_threads(),
        "train_images_per_s": train,
        "infer_images_per_s": infer,
        "copy_gb_per_s": bandwidth,
        "peak_mib": peak_memory(),
    });
    println!("{result}");
    Ok(())
}
