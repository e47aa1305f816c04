//! The operations of a training step: the time that each takes, and the least time that the machine allows.

use std::time::Duration;

use candle_core::DType;
use mbn_model::{Phase, Profile};
use mbn_spec::{Architecture, ConvLayer, LayerKind};

use super::machine::Machine;
use super::measure::STEPS;

/// The least work of an operation in one step.
pub(super) struct Cost {
    pub flops: f64,
    pub bytes: f64,
}

/// An operation, its mean time, and its cost if it is known.
pub(super) struct Row {
    pub name: String,
    pub operation: String,
    pub time: Duration,
    pub cost: Option<Cost>,
}

impl Row {
    /// The shortest time that the machine allows, in seconds.
    pub fn limit(&self, machine: &Machine) -> Option<f64> {
        let cost = self.cost.as_ref()?;
        Some((cost.flops / machine.flops).max(cost.bytes / machine.bandwidth))
    }

    /// The time above the limit.
    pub fn lost(&self, machine: &Machine) -> Duration {
        let limit = self.limit(machine).unwrap_or(self.time.as_secs_f64());
        self.time.saturating_sub(Duration::from_secs_f64(limit))
    }
}

/// Two rows for each convolution: forward and backward.
pub(super) fn rows(
    architecture: &Architecture,
    dtype: DType,
    batch: usize,
    size: usize,
    profile: &Profile,
) -> Vec<Row> {
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

/// The cost of a convolution with its batch norm and activation, if each tensor is moved once and the gradient of the weights
/// is written once.
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
