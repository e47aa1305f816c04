//! `--profile`: where the time of a training step goes, against what the machine could do.

mod machine;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use comfy_table::{CellAlignment, Table, presets};
use mbn_model::{Network, Optimizer, Phase, Profile, cross_entropy, fresh_weights};
use mbn_spec::{Architecture, ConvLayer, LayerKind, Metadata};

use crate::device;
use crate::options::Options;
use crate::profile::machine::Machine;
use crate::settings::Settings;

const WARM_UP: usize = 2;
const STEPS: usize = 8;
const CLASSES: usize = 10;
/// Operations that are named as farthest from the limit.
const FARTHEST: usize = 3;

/// Runs a few steps on noise and prints the table.
pub(crate) fn run(options: &Options, device: &Device) -> Result<()> {
    let settings = Settings::resolve(options.run_args()?, PathBuf::new(), None)?;
    device::set_products(device, settings.precision)?;
    let architecture = Architecture::new(settings.alpha, CLASSES);
    let (batch, size) = (settings.batch_size, settings.largest_train_size());
    let machine = Machine::measure(device, settings.precision.dtype())?;
    let measured = measure(&settings, architecture, device, batch, size)?;
    let mut rows = rows(
        &architecture,
        settings.precision.dtype(),
        batch,
        size,
        &measured.profile,
    );
    let layers: Duration = rows.iter().map(|row| row.time).sum();
    for (name, time) in [
        ("optimiser", measured.optimizer),
        (
            "pool, classifier, loss",
            measured.step.saturating_sub(layers + measured.optimizer),
        ),
    ] {
        rows.push(Row {
            name: name.into(),
            operation: String::new(),
            time,
            cost: None,
        });
    }
    let rate = batch as f64 / measured.step.as_secs_f64();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "MobileNetV1 alpha {}, batch {batch}, {size} x {size}, {}, {}\n\
         Products at most {:.0} GFLOP/s, copies at most {:.1} GB/s (measured now)\n\n{}\n",
        settings.alpha,
        settings.precision.name(),
        describe(device),
        machine.flops / 1e9,
        machine.bandwidth / 1e9,
        table(&rows, measured.step, &machine),
    )?;
    writeln!(
        out,
        "{:.1} ms a step, {rate:.1} images/s",
        milliseconds(measured.step)
    )?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.lost(&machine)));
    writeln!(out, "Most time above the limit:")?;
    for row in rows.iter().take(FARTHEST) {
        let lost = milliseconds(row.lost(&machine));
        writeln!(out, "  {} {}: {lost:.1} ms", row.name, row.operation)?;
    }
    Ok(())
}

/// What computes.
fn describe(device: &Device) -> String {
    if device.is_cuda() {
        return mbn_ops::device_name(device);
    }
    let (threads, instructions) = (rayon::current_num_threads(), mbn_ops::instructions());
    format!("{threads} threads, {instructions} instructions")
}

/// Means over the steps.
struct Measured {
    step: Duration,
    optimizer: Duration,
    profile: Profile,
}

fn measure(
    settings: &Settings,
    architecture: Architecture,
    device: &Device,
    batch: usize,
    size: usize,
) -> Result<Measured> {
    let weights = fresh_weights(architecture, settings.seed, Metadata::default())?;
    let mut network = Network::from_weights(&weights, device)?;
    network.set_precision(settings.precision.dtype());
    let mut optimizer = Optimizer::new(settings.optimizer.kind(), 1e-4, false);
    let images = Tensor::randn(0f32, 1f32, (batch, 3, size, size), device)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % CLASSES as u32).collect();
    let labels = Tensor::new(labels, device)?;
    let (mut in_optimizer, mut start) = (Duration::ZERO, Instant::now());
    for step in 0..WARM_UP + STEPS {
        if step == WARM_UP {
            device.synchronize()?;
            network.start_profile();
            (in_optimizer, start) = (Duration::ZERO, Instant::now());
        }
        let pass = network.forward_train(&images)?;
        let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
        let gradients = network.backward(pass, &loss)?;
        device.synchronize()?;
        let before = Instant::now();
        optimizer.step(network.parameters(), &gradients, 1e-3)?;
        device.synchronize()?;
        in_optimizer += before.elapsed();
    }
    let step = start.elapsed() / STEPS as u32;
    Ok(Measured {
        step,
        optimizer: in_optimizer / STEPS as u32,
        profile: network.take_profile(),
    })
}

/// The least that an operation has to do in one step.
struct Cost {
    flops: f64,
    bytes: f64,
}

struct Row {
    name: String,
    operation: String,
    time: Duration,
    cost: Option<Cost>,
}

impl Row {
    /// The time below which the machine allows nothing.
    fn limit(&self, machine: &Machine) -> Option<f64> {
        let cost = self.cost.as_ref()?;
        Some((cost.flops / machine.flops).max(cost.bytes / machine.bandwidth))
    }

    fn lost(&self, machine: &Machine) -> Duration {
        let limit = self.limit(machine).unwrap_or(self.time.as_secs_f64());
        self.time.saturating_sub(Duration::from_secs_f64(limit))
    }
}

/// Two rows for each convolution.
fn rows(architecture: &Architecture, dtype: DType, batch: usize, size: usize, profile: &Profile) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut size, mut pixels) = (size, size * size);
    for (i, layer) in architecture.convs().iter().enumerate() {
        let input = batch * pixels * layer.in_channels;
        size = layer.out_size(size, &architecture.variant);
        pixels = size * size;
        let output = batch * pixels * layer.out_channels;
        for phase in [Phase::Forward, Phase::Backward] {
            rows.push(Row {
                name: layer.conv_name(),
                operation: format!("{} {}", kind(layer), name(phase)),
                time: profile.time(phase, i) / STEPS as u32,
                cost: Some(cost(layer, phase, dtype, input, output)),
            });
        }
    }
    rows
}

fn kind(layer: &ConvLayer) -> &'static str {
    match layer.kind {
        LayerKind::Stem => "convolution",
        LayerKind::Depthwise => "depthwise",
        LayerKind::Pointwise => "pointwise",
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "forward",
        Phase::Backward => "backward",
    }
}

/// Batch norm and activation ride along; each tensor is moved once, the weights' gradient is written once.
fn cost(layer: &ConvLayer, phase: Phase, dtype: DType, input: usize, output: usize) -> Cost {
    let weights = layer.weight_shape().iter().product::<usize>();
    let products = (output / layer.out_channels * weights) as f64;
    let (element, float) = (dtype.size_in_bytes(), DType::F32.size_in_bytes());
    let is_stem = layer.kind == LayerKind::Stem;
    let read = input * if is_stem { float } else { element };
    let (factor, bytes) = match phase {
        Phase::Forward => (2.0, read + output * element + weights * float),
        // The image needs no gradient.
        Phase::Backward if is_stem => (2.0, read + 2 * output * element + 2 * weights * float),
        Phase::Backward => (4.0, 2 * (input + output) * element + 2 * weights * float),
    };
    Cost {
        flops: factor * products,
        bytes: bytes as f64,
    }
}

fn table(rows: &[Row], step: Duration, machine: &Machine) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let header = [
        "layer",
        "operation",
        "ms",
        "share",
        "GFLOP/s",
        "GB/s",
        "time / limit",
    ];
    table.set_header(header);
    for row in rows {
        let seconds = row.time.as_secs_f64();
        let rate = |amount: fn(&Cost) -> f64| match &row.cost {
            Some(cost) => format!("{:.1}", amount(cost) / seconds / 1e9),
            None => String::new(),
        };
        table.add_row([
            row.name.clone(),
            row.operation.clone(),
            format!("{:.2}", milliseconds(row.time)),
            format!("{:.1} %", 100.0 * seconds / step.as_secs_f64()),
            rate(|cost| cost.flops),
            rate(|cost| cost.bytes),
            row.limit(machine)
                .map_or_else(String::new, |limit| format!("{:.2}", seconds / limit)),
        ]);
    }
    for column in 2..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}
