//! The network against PyTorch's tensors, which were computed in float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "reference/double.rs"]
mod double;

use candle_core::{Device, Tensor};
use mbn_model::{InferenceNetwork, Network, Optimizer, OptimizerKind, cross_entropy};
use mbn_spec::{Metadata, Weights};
use mbn_testing::{Tensors, Tolerance, assert_close, mismatch, reference_dir};

/// Largest part of the updates' length by which the update may be off after three steps. Without an activation
/// near zero the gradients agree to 1e-5; but where rounding moves one across the kink of its ReLU, all gradients
/// before it change by about a hundredth, and at these learning rates (a weight moves by up to 3) each step
/// multiplies the difference. The formulas themselves are tested tightly beside the operations.
const AFTER_STEPS: f64 = 0.25;

/// AdamW's first step is a formula of the gradient, so that there the elements agree as closely as gradients do:
/// all but those whose gradient is about as small as epsilon.
const ADAMW_CLOSE: f32 = 1e-5;
const ADAMW_CLOSE_AFTER_ONE_STEP: f64 = 0.999;
/// After three steps, flipped activations decide how many are that close: chance in float32, as docs/numerics.md
/// shows, and all of them in float64, which has a test of its own. An element moves by about the learning rate in each step; twice that in three steps is another sign in all.
const ADAMW_FARTHEST: f32 = 6e-3;
const ADAMW_RATE: f64 = 1e-3;
const ADAMW_DECAY: f64 = 1e-2;
const ADAMW: OptimizerKind = OptimizerKind::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

struct Reference {
    weights: Weights,
    folder: std::path::PathBuf,
}

fn reference(test: &str) -> Option<Reference> {
    let folder = reference_dir(test, "alpha_0.25")?;
    let weights = Weights::load(&folder.join("state_dict.safetensors")).unwrap();
    Some(Reference { weights, folder })
}

impl Reference {
    fn file(&self, name: &str) -> Tensors {
        Tensors::read(&self.folder.join(name))
    }

    fn network(&self) -> Network {
        Network::from_weights(&self.weights, &Device::Cpu).unwrap()
    }
}

fn tensor(tensors: &Tensors, name: &str) -> Tensor {
    let (shape, values) = tensors.floats(name);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn labels(tensors: &Tensors) -> Tensor {
    let labels: Vec<u32> = tensors
        .integers("labels")
        .into_iter()
        .map(|label| label as u32)
        .collect();
    Tensor::new(labels, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn evaluation_logits() {
    let Some(reference) = reference("evaluation_logits") else {
        return;
    };
    let eval = reference.file("eval.safetensors");
    let (input, expected) = (tensor(&eval, "input"), eval.floats("logits").1);
    let logits = reference.network().forward_eval(&input).unwrap();
    assert_close("logits", &values(&logits), &expected, Tolerance::LOGITS);
    let folded = InferenceNetwork::new(&reference.weights.fold(), &Device::Cpu).unwrap();
    assert_close(
        "folded logits",
        &values(&folded.forward(&input).unwrap()),
        &expected,
        Tolerance::LOGITS,
    );
}

#[test]
fn training_logits_loss_gradients_and_buffers() {
    let Some(reference) = reference("training_logits_loss_gradients_and_buffers") else {
        return;
    };
    let train = reference.file("train.safetensors");
    let mut network = reference.network();
    let pass = network.forward_train(&tensor(&train, "input")).unwrap();
    assert_close(
        "logits",
        &values(pass.logits()),
        &train.floats("logits").1,
        Tolerance::LOGITS,
    );
    let loss = cross_entropy(pass.logits(), &labels(&train), 0.0).unwrap();
    assert_close("loss", &values(&loss), &train.floats("loss").1, Tolerance::LOGITS);

    let gradients = network.backward(pass, &loss).unwrap();
    let mut problems = Vec::new();
    let mut compared = 0;
    for parameter in network.parameters() {
        let expected = train.floats(&format!("grad.{}", parameter.name)).1;
        let found = values(gradients.get(parameter).unwrap());
        problems.extend(mismatch(&parameter.name, &found, &expected, Tolerance::GRADIENT));
        compared += 1;
    }
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

fn train_steps(
    steps: usize,
    reference: &Reference,
    kind: OptimizerKind,
    weight_decay: f64,
    rate: f64,
) -> (Weights, Vec<f32>) {
    let train = reference.file("train.safetensors");
    let (input, labels) = (tensor(&train, "input"), labels(&train));
    let mut network = reference.network();
    let mut optimizer = Optimizer::new(kind, weight_decay, true);
    let mut losses = Vec::new();
    for _ in 0..steps {
        let pass = network.forward_train(&input).unwrap();
        let loss = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
        let gradients = network.backward(pass, &loss).unwrap();
        losses.push(loss.to_scalar().unwrap());
        optimizer.step(network.parameters(), &gradients, rate).unwrap();
    }
    (network.to_weights(Metadata::default()).unwrap(), losses)
}

/// Part of the elements within [`ADAMW_CLOSE`] of `expected`, and the largest difference.
fn element_errors(reference: &Reference, found: &Weights, expected: impl Fn(&str) -> Vec<f32>) -> (f64, f32) {
    let (mut close, mut all, mut largest) = (0, 0, 0f32);
    for parameter in reference.network().parameters() {
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

/// Length of the difference between found and expected update, as a part of the expected one's.
fn update_error(reference: &Reference, found: &Weights, expected: &Tensors) -> f64 {
    let (mut difference, mut length) = (0.0, 0.0);
    for parameter in reference.network().parameters() {
        let before = reference.weights.values(&parameter.name);
        let expected = expected.floats(&parameter.name).1;
        for ((before, found), expected) in before.iter().zip(found.values(&parameter.name)).zip(&expected) {
            difference += f64::from(found - expected).powi(2);
            length += f64::from(expected - before).powi(2);
        }
    }
    (difference / length).sqrt()
}

#[test]
fn weights_after_three_steps() {
    let Some(reference) = reference("weights_after_three_steps") else {
        return;
    };
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
        let (weights, losses) = train_steps(3, &reference, kind, decay, rate);
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
    let Some(reference) = reference("elements_after_adamw") else {
        return;
    };
    let train = reference.file("train.safetensors");
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
    let (weights, _) = train_steps(1, &reference, ADAMW, ADAMW_DECAY, ADAMW_RATE);
    let (close, largest) = element_errors(&reference, &weights, first_step);
    eprintln!("one step: {close:.5} of the elements close, the farthest {largest:.1e} off");
    assert!(close >= ADAMW_CLOSE_AFTER_ONE_STEP);

    let after = reference.file("after_3_adamw_steps.safetensors");
    let (weights, _) = train_steps(3, &reference, ADAMW, ADAMW_DECAY, ADAMW_RATE);
    let (close, largest) = element_errors(&reference, &weights, |name| after.floats(name).1);
    eprintln!("three steps: {close:.3} of the elements close, the farthest {largest:.1e} off");
    assert!(largest <= ADAMW_FARTHEST);
}

#[test]
fn state_dict_has_pytorchs_names_shapes_and_values() {
    let Some(reference) = reference("state_dict_has_pytorchs_names_shapes_and_values") else {
        return;
    };
    let saved = reference.network().to_weights(Metadata::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.safetensors");
    saved.save(&path).unwrap();
    let (ours, theirs) = (Tensors::read(&path), reference.file("state_dict.safetensors"));
    assert_eq!(ours.names(), theirs.names());
    for name in theirs.names() {
        assert_eq!(ours.raw(&name), theirs.raw(&name), "{name}");
    }
}
