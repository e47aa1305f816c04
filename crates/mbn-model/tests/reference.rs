//! The network against PyTorch's tensors, which were computed in float64, and against the network in float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{Device, Tensor};
use common::files::{Reference, images, reference, values};
use common::float64;
use common::step::{self, ADAMW, ADAMW_DECAY, ADAMW_RATE, train_steps};
use mbn_model::{Decayed, Gradients, InferenceNetwork, Network, Optimizer, OptimizerKind};
use mbn_model::{cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_testing::float64::widen;
use mbn_testing::{Closeness, Tensors, Tolerance, assert_close, projections};
use mbn_weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Largest part of the updates' length by which the update may be off after three steps. Without an activation
/// near zero the gradients agree to 1e-5; but where rounding moves one across the kink of its ReLU, all gradients
/// before it change by about a hundredth, and at these learning rates (a weight moves by up to 3) each step
/// multiplies the difference. The formulas themselves are tested tightly beside the operations.
const AFTER_STEPS: f64 = 0.25;

/// All but those whose gradient is about as small as epsilon.
const ADAMW_CLOSE_AFTER_ONE_STEP: f64 = 0.999;
/// Gradients where rounding may take an activation across the kink of its ReLU, which moves gradients of small channels by
/// a quarter.
const ACROSS_A_KINK: Closeness = Closeness::Length(0.2);

/// Part of the largest value of all gradients by which one in float32 may be off where no activation is near a kink: such
/// a network is nearly linear, so that the gradients of its last layers are sums that cancel, and rounding remains.
const WIRING_ROUNDING: f64 = 1e-5;

/// Length of the difference between the update in float32 and the one in float64 after three steps, as a part of the
/// latter's length, where no activation is near a kink. Found: up to 5e-5.
const WIRING_UPDATE: f64 = 1e-3;
/// With an epsilon above the rounding of gradients that cancel, which AdamW would magnify to whole steps.
const WIRING_ADAMW: OptimizerKind = OptimizerKind::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-2,
};

#[test]
fn evaluation_logits() {
    let reference = reference();
    let eval = reference.file("eval.safetensors");
    let (images, expected) = (images(&eval, &Device::Cpu), eval.floats("logits").1);
    let logits = reference.network(&Device::Cpu).forward_eval(&images).unwrap();
    assert_close("logits", &values(&logits), &expected, Tolerance::LOGITS);
    let folded = InferenceNetwork::new(&reference.weights.fold(), &Device::Cpu).unwrap();
    assert_close(
        "folded logits",
        &values(&folded.forward(&images).unwrap()),
        &expected,
        Tolerance::LOGITS,
    );
}

#[test]
fn training_logits_loss_gradients_and_buffers() {
    let reference = reference();
    step::check_pass(&reference, &Device::Cpu, Closeness::Each(Tolerance::GRADIENT));
}

/// Length of the difference between found and expected update, as a part of the expected one's. For a tensor that the
/// reference holds as projections the lengths are estimates, good to a tenth.
fn update_error(reference: &Reference, found: &Weights, expected: &Tensors) -> f64 {
    let (mut difference, mut length) = (0.0, 0.0);
    for parameter in reference.network(&Device::Cpu).parameters() {
        let values = |weights: &Weights| -> Vec<f64> {
            let values = weights.values(&parameter.name).iter();
            values.map(|value| f64::from(*value)).collect()
        };
        let (before, found) = (values(&reference.weights), values(found));
        if let Some(expected) = expected.projections(&parameter.name) {
            // A product with factors between -1 and 1 has a third of the length's square, in the mean.
            let part = 3.0 / expected.len() as f64;
            difference += part * distance(&projections(found.into_iter()), &expected);
            length += part * distance(&projections(before.into_iter()), &expected);
        } else {
            let expected = expected.floats(&parameter.name).1;
            let expected: Vec<_> = expected.into_iter().map(f64::from).collect();
            difference += distance(&found, &expected);
            length += distance(&before, &expected);
        }
    }
    (difference / length).sqrt()
}

/// The square of the distance between two vectors.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
}

#[test]
fn weights_after_three_steps() {
    let reference = reference();
    let sgd = |nesterov| {
        (
            OptimizerKind::Sgd {
                momentum: 0.9,
                nesterov,
            },
            1e-4,
            0.05,
        )
    };
    let adamw = (ADAMW, ADAMW_DECAY, ADAMW_RATE);
    for (name, (kind, decay, rate)) in [("sgd", sgd(false)), ("nesterov", sgd(true)), ("adamw", adamw)] {
        let expected = reference.file(&format!("after_3_{name}_steps.safetensors"));
        let (weights, losses) = train_steps(3, &reference, &Device::Cpu, kind, decay, rate);
        let error = update_error(&reference, &weights, &expected);
        eprintln!(
            "{name}: losses {losses:?}, expected {:?}, update off by {error:.4}",
            expected.floats("losses").1
        );
        assert!(error <= AFTER_STEPS, "{name}: the update is off by {error}");
    }
}

#[test]
fn elements_after_one_step_of_adamw() {
    let close = step::close_after_adamw(&reference(), &Device::Cpu);
    assert!(
        close >= ADAMW_CLOSE_AFTER_ONE_STEP,
        "{close} of the elements are close"
    );
}

#[test]
fn state_dict_has_pytorchs_names_shapes_and_values() {
    let reference = reference();
    let saved = reference
        .network(&Device::Cpu)
        .to_weights(Metadata::default())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.safetensors");
    saved.save(&path).unwrap();
    let (ours, theirs) = (Tensors::read(&path), reference.file("state_dict.safetensors"));
    assert_eq!(ours.names(), theirs.names());
    for name in theirs.names() {
        assert_eq!(ours.raw(&name), theirs.raw(&name), "{name}");
    }
}

/// A network in float32, the same in float64, and a batch for both.
struct Pair {
    weights: Weights,
    images: Tensor,
    labels: Tensor,
    batch: float64::Batch,
}

impl Pair {
    const SIZE: usize = 64;
    const LABELS: [u32; 4] = [0, 3, 6, 9];

    /// Random weights, whose activations lie on both sides of the kinks.
    fn random() -> Self {
        let weights = random_weights(Architecture::new(Alpha::Quarter, 10), 3, &Device::Cpu);
        Self::with(weights.unwrap())
    }

    /// The same with activations between the kinks: each batch norm's result is 1 give or take a little.
    fn away_from_kinks() -> Self {
        const SCALE: f64 = 0.1;
        let network = Network::from_weights(&Self::random().weights, &Device::Cpu).unwrap();
        let norms = network
            .parameters()
            .filter(|parameter| !parameter.name.starts_with("fc."));
        for parameter in norms.filter(|parameter| parameter.kind == TensorKind::Bias) {
            let offset = if parameter.name.ends_with(".bias") {
                1.0
            } else {
                0.0
            };
            let values = parameter.tensor().affine(SCALE, offset).unwrap();
            parameter.var.set(&values).unwrap();
        }
        Self::with(network.to_weights(Metadata::default()).unwrap())
    }

    fn with(weights: Weights) -> Self {
        // Noise around a level of each picture and channel, so that features differ from picture to picture.
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let plane = Self::SIZE * Self::SIZE;
        let mut pixel = |i: usize| {
            let level = (i / plane * 5 % 11) as f32 / 5.0 - 1.0;
            level + rng.random_range(-1.0f32..1.0)
        };
        let shape = (Self::LABELS.len(), 3, Self::SIZE, Self::SIZE);
        let images: Vec<f32> = (0..shape.0 * 3 * Self::SIZE * Self::SIZE)
            .map(&mut pixel)
            .collect();
        Self {
            weights,
            batch: float64::Batch {
                images: widen(&images),
                size: Self::SIZE,
                labels: Self::LABELS.map(|label| label as usize).to_vec(),
            },
            images: Tensor::from_vec(images, shape, &Device::Cpu).unwrap(),
            labels: Tensor::new(&Self::LABELS, &Device::Cpu).unwrap(),
        }
    }

    /// A pass in training mode of `network`.
    fn step(&self, network: &mut Network, smoothing: f64) -> (Vec<f32>, Vec<f32>, Gradients) {
        let pass = network.forward_train(&self.images).unwrap();
        let logits = values(pass.logits());
        let loss = cross_entropy(pass.logits(), &self.labels, smoothing).unwrap();
        let gradients = network.backward(pass, &loss).unwrap();
        (logits, values(&loss.mean), gradients)
    }
}

/// Forward and backward passes are put together as in float64: with no activation near a kink, rounding is all that
/// differs.
#[test]
fn gradients_are_those_in_float64() {
    let pair = Pair::away_from_kinks();
    let mut network = Network::from_weights(&pair.weights, &Device::Cpu).unwrap();
    let (logits, loss, gradients) = pair.step(&mut network, 0.1);
    let expected = float64::Network::new(&pair.weights).train(&pair.batch, 0.1);
    assert_close("logits", &logits, &expected.logits, Tolerance::LOGITS);
    assert_close("loss", &loss, &[expected.loss], Tolerance::LOGITS);
    let all = expected.gradients.values().map(|values| largest(values));
    let tolerance = Tolerance {
        absolute: (WIRING_ROUNDING * all.fold(0.0, f64::max)) as f32,
        ..Tolerance::GRADIENT
    };
    for parameter in network.parameters() {
        let name = &parameter.name;
        let found = values(gradients.get(parameter).unwrap());
        assert_close(name, &found, &expected.gradients[name], tolerance);
    }
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

/// The same on both sides of the kinks, where rounding may take an activation across.
#[test]
fn gradients_across_kinks_are_those_in_float64() {
    let pair = Pair::random();
    let mut network = Network::from_weights(&pair.weights, &Device::Cpu).unwrap();
    let (logits, loss, gradients) = pair.step(&mut network, 0.0);
    let expected = float64::Network::new(&pair.weights).train(&pair.batch, 0.0);
    assert_close("logits", &logits, &expected.logits, Tolerance::LOGITS);
    assert_close("loss", &loss, &[expected.loss], Tolerance::LOGITS);
    for parameter in network.parameters() {
        let found = values(gradients.get(parameter).unwrap());
        let expected = &expected.gradients[&parameter.name];
        let expected: Vec<f32> = expected.iter().map(|value| *value as f32).collect();
        let problem = ACROSS_A_KINK.mismatch(&parameter.name, &found, &expected);
        assert_eq!(problem, None);
    }
}

/// Optimisers are put together as in float64: each of them, with weight decay of weights alone and of all parameters.
#[test]
fn training_steps_are_those_in_float64() {
    let sgd = |nesterov| OptimizerKind::Sgd {
        momentum: 0.9,
        nesterov,
    };
    let pair = Pair::away_from_kinks();
    for (kind, decayed, rate, smoothing) in [
        (sgd(false), Decayed::All, 0.01, 0.0),
        (sgd(true), Decayed::Weights, 0.01, 0.1),
        (WIRING_ADAMW, Decayed::Weights, ADAMW_RATE, 0.1),
    ] {
        let mut network = Network::from_weights(&pair.weights, &Device::Cpu).unwrap();
        let mut expected = float64::Network::new(&pair.weights);
        let mut optimizer = Optimizer::new(kind, ADAMW_DECAY, decayed);
        let mut expected_optimizer = float64::Optimizer::new(kind, ADAMW_DECAY, decayed);
        for _ in 0..3 {
            let (_, _, gradients) = pair.step(&mut network, smoothing);
            let step = expected.train(&pair.batch, smoothing);
            optimizer.step(network.parameters(), &gradients, rate).unwrap();
            expected_optimizer.step(&mut expected, &step.gradients, rate);
        }
        let after = network.to_weights(Metadata::default()).unwrap();
        for (name, expected) in &expected.tensors {
            if name.contains(".running_") {
                assert_close(name, after.values(name), expected, Tolerance::CLOSE_AFTER_DEPTH);
            }
        }
        let (mut apart, mut length) = (0.0, 0.0);
        for name in expected.parameters() {
            let before = pair.weights.values(&name).iter().zip(after.values(&name));
            for ((before, found), expected) in before.zip(&expected.tensors[&name]) {
                apart += (f64::from(*found) - expected).powi(2);
                length += (expected - f64::from(*before)).powi(2);
            }
        }
        let error = (apart / length).sqrt();
        eprintln!("{kind:?}: the update is {error:.1e} off");
        assert!(error <= WIRING_UPDATE, "{kind:?}: the update is {error} off");
        let found = values(&network.forward_eval(&pair.images).unwrap());
        let expected = expected.evaluate(&pair.batch.images, Pair::SIZE);
        assert_close("evaluation", &found, &expected, Tolerance::GRADIENT);
    }
}
