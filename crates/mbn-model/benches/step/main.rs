//! Throughput of training steps and of inference on synthetic images: one JSON object, the median over the steps after two
//! of warm-up.
//!
//! - `train_images_per_s`, `--train-only`: forward, loss, backward and optimiser, which `make bench` compares with PyTorch's.
//! - `recipe_images_per_s`, `--recipe-only`: the whole step of `mbn-train`'s default recipe, with the moving average, the
//!   meter and, on a GPU, the upload of decoded pictures. On a GPU as many steps count as one as `mbn-train` enqueues between
//!   two readings of the loss; `work_per_step` counts the launches, products and allocations of a step.
//! - `infer_images_per_s`, `--infer-only`: the folded network.
//!
//! `cargo bench -p mbn-model --bench step -- --alpha 1.0 --batch 32 --size 224 --steps 8 --precision f32`
//!
//! `--device cuda[:N]` times each step to the end of the device's work and adds the bandwidth of a copy on the device;
//! where there is no such device the object is `{"skipped": REASON}`. `--precision` is as `mbn-train`'s.

mod options;
mod recipe;

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor};
use mbn_cli::DeviceChoice;
use mbn_model::{Decayed, InferenceNetwork, Network, Optimizer, OptimizerKind, cross_entropy, fresh_weights};
use mbn_spec::{Architecture, Metadata};

use self::options::{Options, Precision};
use self::recipe::Recipe;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
const WARM_UP: usize = 2;
/// float32 values of the copy that is timed: 512 MiB, which no cache holds.
const COPIED: usize = 128 << 20;
const COPIES: usize = 10;

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

/// What a step asks of a GPU.
#[cfg(feature = "cuda")]
fn work_of(step: impl FnOnce() -> Result<()>) -> Result<Option<serde_json::Value>> {
    let before = mbn_ops::work_so_far();
    step()?;
    let work = mbn_ops::work_so_far() - before;
    Ok(Some(serde_json::json!({
        "launches": work.launches,
        "products": work.products,
        "allocations": work.allocations,
    })))
}

#[cfg(not(feature = "cuda"))]
fn work_of(_: impl FnOnce() -> Result<()>) -> Result<Option<serde_json::Value>> {
    Ok(None)
}

/// Largest resident memory of this process in MiB, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn main() -> Result<()> {
    let options = Options::parse()?;
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

    let (mut train, mut recipe, mut infer, mut work) = (None, None, None, None);
    if options.train {
        let labels = Tensor::new(labels.as_slice(), &device)?;
        let mut network = Network::from_weights(&weights, &device)?;
        network.set_activation_type(options.precision.activation_type());
        let sgd = OptimizerKind::Sgd {
            momentum: 0.9,
            nesterov: false,
        };
        let mut optimizer = Optimizer::new(sgd, 1e-4, Decayed::All);
        let seconds = median(steps, &device, || {
            let pass = network.forward_train(&images)?;
            let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
            let gradients = network.backward(pass, &loss)?;
            optimizer.step(network.parameters(), &gradients, 0.05)
        })?;
        train = Some(rate(seconds));
    }
    if options.recipe {
        let mut run = Recipe::new(&weights, &options, &images, &labels)?;
        let together = run.meter.steps_between_readings();
        let seconds = median(steps, &device, || (0..together).try_for_each(|_| run.step()))?;
        recipe = Some(rate(seconds / together as f64));
        if device.is_cuda() {
            work = work_of(|| run.step())?;
        }
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
        "recipe_images_per_s": recipe,
        "work_per_step": work,
        "infer_images_per_s": infer,
        "copy_gb_per_s": bandwidth,
        "peak_mib": peak_memory(),
    });
    println!("{result}");
    Ok(())
}
