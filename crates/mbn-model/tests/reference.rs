//! The network against PyTorch's tensors, which were computed in float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "reference/double.rs"]
mod double;

#[path = "reference/files.rs"]
mod files;
#[path = "reference/step.rs"]
mod step;

use candle_core::Device;
use files::{Reference, images, labels, reference, values};
use mbn_model::{InferenceNetwork, OptimizerKind};
use mbn_spec::{Metadata, Weights};
use mbn_testing::{Closeness, Tensors, Tolerance, assert_close, projections};
use step::{ADAMW, ADAMW_DECAY, ADAMW_RATE, element_errors, train_steps};

/// Largest part of the updates' length by which the update may be off after three steps. Without an activation
/// near zero the gradients agree to 1e-5; but where rounding moves one across the kink of its ReLU, all gradients
/// before it change by about a hundredth, and at these learning rates (a weight moves by up to 3) each step
/// multiplies the difference. The formulas themselves are tested tightly beside the operations.
const AFTER_STEPS: f64 = 0.25;

/// All but those whose gradient is about as small as epsilon.
const ADAMW_CLOSE_AFTER_ONE_STEP: f64 = 0.999;
/// After three steps, flipped activations decide how many are that close: chance in float32, as docs/numerics.md
/// shows, and all of them in float64, which has a test of its own. An element moves by about the learning rate in each step; twice that in three steps is another sign in all.
const ADAMW_FARTHEST: f32 = 6e-3;

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

/// Squared.
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
