//! A training step of the reference's network on its batch, in float32, on any device.

use candle_core::Device;
use mbn_model::{Decayed, Optimizer, OptimizerKind, cross_entropy};
use mbn_spec::Metadata;
use mbn_testing::{Closeness, Tensors, Tolerance, assert_close, mismatch};
use mbn_weights::Weights;

use super::files::{Reference, images, labels, values};

/// AdamW's first step is a formula of the gradient, so that there the elements agree as closely as gradients do:
/// all but those whose gradient is about as small as epsilon.
pub const ADAMW_CLOSE: f32 = 1e-5;
pub const ADAMW_RATE: f64 = 1e-3;
pub const ADAMW_DECAY: f64 = 1e-2;
pub const ADAMW: OptimizerKind = OptimizerKind::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

/// Logits, loss, gradients and running statistics of a pass in training mode.
pub fn check_pass(reference: &Reference, device: &Device, gradient: Closeness) {
    let train = reference.file("train.safetensors");
    let mut network = reference.network(device);
    let pass = network.forward_train(&images(&train, device)).unwrap();
    assert_close(
        "logits",
        &values(pass.logits()),
        &train.floats("logits").1,
        Tolerance::LOGITS,
    );
    let loss = cross_entropy(pass.logits(), &labels(&train, device), 0.0).unwrap();
    assert_close(
        "loss",
        &values(&loss.mean),
        &train.floats("loss").1,
        Tolerance::LOGITS,
    );

    let gradients = network.backward(pass, &loss).unwrap();
    let mut problems = Vec::new();
    let (mut compared, mut farthest) = (0, (0.0, ""));
    for parameter in network.parameters() {
        let expected = train.floats(&format!("grad.{}", parameter.name)).1;
        let found = values(gradients.get(parameter).unwrap());
        problems.extend(gradient.mismatch(&parameter.name, &found, &expected));
        let difference = largest_difference(&found, &expected);
        if difference > farthest.0 {
            farthest = (difference, parameter.name.as_str());
        }
        compared += 1;
    }
    eprintln!(
        "gradients: at most {:.1e} of a tensor's largest off, in {}",
        farthest.0, farthest.1
    );
    assert_eq!(compared, 27 * 3 + 2);
    let after = network.to_weights(Metadata::default()).unwrap();
    for name in train
        .names()
        .iter()
        .filter_map(|name| name.strip_prefix("buffer."))
    {
        if name.ends_with("num_batches_tracked") {
            assert_eq!(train.integers(&format!("buffer.{name}")), [after.counter(name)]);
        } else {
            let expected = train.floats(&format!("buffer.{name}")).1;
            problems.extend(mismatch(
                name,
                after.values(name),
                &expected,
                Tolerance::CLOSE_AFTER_DEPTH,
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The largest difference, as a part of the largest expected value.
fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
    let differences = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    differences.fold(0.0, f32::max) / largest
}

/// The weights after `steps` steps, and the loss of each.
pub fn train_steps(
    steps: usize,
    reference: &Reference,
    device: &Device,
    kind: OptimizerKind,
    weight_decay: f64,
    rate: f64,
) -> (Weights, Vec<f32>) {
    let train = reference.file("train.safetensors");
    let (images, labels) = (images(&train, device), labels(&train, device));
    let mut network = reference.network(device);
    let mut optimizer = Optimizer::new(kind, weight_decay, Decayed::All);
    let mut losses = Vec::new();
    for _ in 0..steps {
        let pass = network.forward_train(&images).unwrap();
        let loss = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
        let gradients = network.backward(pass, &loss).unwrap();
        losses.push(loss.mean.to_scalar().unwrap());
        optimizer.step(network.parameters(), &gradients, rate).unwrap();
    }
    (network.to_weights(Metadata::default()).unwrap(), losses)
}

/// Part of the elements within [`ADAMW_CLOSE`] of `expected`, and the largest difference.
fn element_errors(reference: &Reference, found: &Weights, expected: impl Fn(&str) -> Vec<f32>) -> (f64, f32) {
    let (mut close, mut all, mut largest) = (0, 0, 0f32);
    for parameter in reference.network(&Device::Cpu).parameters() {
        let expected = expected(&parameter.name);
        for (found, expected) in found.values(&parameter.name).iter().zip(&expected) {
            let difference = (found - expected).abs();
            close += usize::from(difference <= ADAMW_CLOSE);
            all += 1;
            largest = largest.max(difference);
        }
    }
    (close as f64 / all as f64, largest)
}

/// Part of the elements that one step of AdamW on `device` takes to where the reference's gradient leads.
pub fn close_after_adamw(reference: &Reference, device: &Device) -> f64 {
    let train: Tensors = reference.file("train.safetensors");
    let first_step = |name: &str| -> Vec<f32> {
        let gradient = train.floats(&format!("grad.{name}")).1;
        let step = |(before, gradient): (&f32, f32)| {
            let (before, gradient) = (f64::from(*before), f64::from(gradient));
            let direction = gradient / (gradient.abs() + 1e-8);
            (before - ADAMW_RATE * (ADAMW_DECAY * before + direction)) as f32
        };
        reference
            .weights
            .values(name)
            .iter()
            .zip(gradient)
            .map(step)
            .collect()
    };
    let (weights, _) = train_steps(1, reference, device, ADAMW, ADAMW_DECAY, ADAMW_RATE);
    let (close, largest) = element_errors(reference, &weights, first_step);
    eprintln!("one step: {close:.5} of the elements close, the farthest {largest:.1e} off");
    close
}
