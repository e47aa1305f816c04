//! The network against PyTorch's tensors, which were computed in float64, and against the network in float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{Device, Tensor};
use common::files::{Reference, images, reference, values};
use common::float64;
use common::step::{self, ADAMW, ADAMW_DECAY, ADAMW_FARTHEST, ADAMW_RATE, element_errors, train_steps};
use mbn_model::{InferenceNetwork, Network, Optimizer, OptimizerKind, cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_testing::float64::widen;
use mbn_testing::{Closeness, Tensors, Tolerance, assert_close, projections};
use mbn_weights::Weights;

/// Largest part of the updates' length by which the update may be off after three steps. Without an activation
/// near zero the gradients agree to 1e-5; but where rounding moves one across the kink of its ReLU, all gradients
/// before it change by about a hundredth, and at these learning rates (a weight moves by up to 3) each step
/// multiplies the difference. The formulas themselves are tested tightly beside the operations.
const AFTER_STEPS: f64 = 0.25;

/// All but those whose gradient is about as small as epsilon.
const ADAMW_CLOSE_AFTER_ONE_STEP: f64 = 0.999;
/// Rounding of a gradient as a part of the network's largest one. Where no activation is near a kink, a batch norm
/// removes the shift of the one before it: the gradient of this shift is 0, and rounding is all of it. Found: 1.4e-6.
const WIRING_ROUNDING: f32 = 5e-6;
/// Length of the difference between the update in float32 and the one in float64 after three steps, as a part of the
/// latter's length, where no activation is near a kink: rounding alone. Found: 5e-6 after SGD, 3e-4 after AdamW.
const WIRING_UPDATE: f64 = 1e-3;

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
fn elements_after_adamw() {
    let reference = reference();
    assert!(step::close_after_adamw(&reference, &Device::Cpu) >= ADAMW_CLOSE_AFTER_ONE_STEP);

    let after = reference.file("after_3_adamw_steps.safetensors");
    let (weights, _) = train_steps(3, &reference, &Device::Cpu, ADAMW, ADAMW_DECAY, ADAMW_RATE);
    let (close, largest) = element_errors(&reference, &weights, |name| after.floats(name).1);
    eprintln!("three steps: {close:.3} of the elements close, the farthest {largest:.1e} off");
    assert!(largest <= ADAMW_FARTHEST);
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

/// Random weights whose activations all lie between the kinks, as each batch norm's result is 1 give or take a little.
fn weights_away_from_kinks() -> Weights {
    const SCALE: f32 = 0.1;
    let weights = random_weights(Architecture::new(Alpha::Quarter, 10), 3, &Device::Cpu).unwrap();
    let network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    for parameter in network.parameters() {
        if parameter.kind == TensorKind::Bias && !parameter.name.starts_with("fc.") {
            let (factor, offset) = match parameter.name.ends_with(".weight") {
                true => (SCALE, 0.0),
                false => (SCALE, 1.0),
            };
            let values = parameter.tensor().affine(factor.into(), offset).unwrap();
            parameter.var.set(&values).unwrap();
        }
    }
    network.to_weights(Metadata::default()).unwrap()
}

/// Forward and backward passes and optimisers are put together as in float64: with no activation near a kink, rounding
/// is all that differs. Smoothed labels, weight decay of weights alone and of all, each optimiser.
#[test]
fn a_training_step_is_the_one_in_float64() {
    const SIZE: usize = 64;
    let weights = weights_away_from_kinks();
    let labels = [0, 3, 6, 9];
    let pixel = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 504.5 - 1.0;
    let images: Vec<f32> = (0..labels.len() * 3 * SIZE * SIZE).map(pixel).collect();
    let batch = float64::Batch {
        images: widen(&images),
        size: SIZE,
        labels: labels.to_vec(),
    };
    let images = Tensor::from_vec(images, (labels.len(), 3, SIZE, SIZE), &Device::Cpu).unwrap();
    let labels = Tensor::new(labels.map(|label| label as u32).as_slice(), &Device::Cpu).unwrap();
    let sgd = |nesterov| OptimizerKind::Sgd {
        momentum: 0.9,
        nesterov,
    };
    // With the usual epsilon, AdamW moves a weight by the learning rate even where its gradient is rounding alone.
    let adamw = OptimizerKind::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-3,
    };
    for (kind, decay_all, rate, smoothing) in [
        (sgd(false), true, 0.01, 0.0),
        (sgd(true), false, 0.01, 0.1),
        (adamw, false, ADAMW_RATE, 0.1),
    ] {
        let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
        let mut expected = float64::Network::new(&weights);
        let mut optimizer = Optimizer::new(kind, ADAMW_DECAY, decay_all);
        let mut expected_optimizer = float64::Optimizer::new(kind, ADAMW_DECAY, decay_all);
        for number in 0..3 {
            let pass = network.forward_train(&images).unwrap();
            let logits = values(pass.logits());
            let loss = cross_entropy(pass.logits(), &labels, smoothing).unwrap();
            let gradients = network.backward(pass, &loss).unwrap();
            let step = expected.train(&batch, smoothing);
            if number == 0 {
                assert_close("logits", &logits, &step.logits, Tolerance::LOGITS);
                assert_close("loss", &values(&loss), &[step.loss], Tolerance::LOGITS);
                let all = step.gradients.values().flatten();
                let largest = all.fold(0f64, |largest, gradient| largest.max(gradient.abs()));
                let tolerance = Tolerance {
                    absolute: WIRING_ROUNDING * largest as f32,
                    ..Tolerance::GRADIENT
                };
                for parameter in network.parameters() {
                    let name = &parameter.name;
                    let found = values(gradients.get(parameter).unwrap());
                    assert_close(name, &found, &step.gradients[name], tolerance);
                }
                // Later ones follow the weights, and AdamW moves those whose gradient is rounding alone by chance.
                let running = network.to_weights(Metadata::default()).unwrap();
                for (name, expected) in &expected.tensors {
                    if name.contains(".running_") {
                        let found = running.values(name);
                        assert_close(name, found, expected, Tolerance::CLOSE_AFTER_DEPTH);
                    }
                }
            }
            optimizer.step(network.parameters(), &gradients, rate).unwrap();
            expected_optimizer.step(&mut expected, &step.gradients, rate);
        }
        let after = network.to_weights(Metadata::default()).unwrap();
        let (mut apart, mut length) = (0.0, 0.0);
        for name in expected.parameters() {
            let before = weights.values(&name).iter().zip(after.values(&name));
            for ((before, found), expected) in before.zip(&expected.tensors[&name]) {
                apart += (f64::from(*found) - expected).powi(2);
                length += (expected - f64::from(*before)).powi(2);
            }
        }
        let error = (apart / length).sqrt();
        eprintln!("{kind:?}: the update is {error:.1e} off");
        assert!(error <= WIRING_UPDATE, "{kind:?}: the update is {error} off");
        let (found, expected) = (
            network.forward_eval(&images).unwrap(),
            expected.evaluate(&batch.images, SIZE),
        );
        assert_close("evaluation", &values(&found), &expected, Tolerance::GRADIENT);
    }
}
