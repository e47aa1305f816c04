//! The network in float64: all that rounding to float32, once and at the end, leaves of the reference.

use candle_core::{DType, Device, Tensor};
use mbn_model::{Gradients, Network, Optimizer, OptimizerKind, cross_entropy};
use mbn_spec::Metadata;
use mbn_testing::{Tensors, Tolerance, mismatch, projections};

use super::{ADAMW, ADAMW_DECAY, ADAMW_FARTHEST, ADAMW_RATE, Reference, element_errors, labels, reference};

/// Part of the elements within `ADAMW_CLOSE` after three steps of AdamW. Found: all, bit for bit.
const CLOSE_AFTER_STEPS: f64 = 0.999;
/// Projections after three steps, which both sides compute in float64; the steps multiply the rounding of their sums.
/// Found: 6e-12. An element off by as much as its rounding to float32 moves projections by ten times this.
const PROJECTED: Tolerance = Tolerance {
    absolute: 1e-9,
    relative_to_max: 0.0,
};

fn network(reference: &Reference) -> Network {
    Network::in_double_precision(&reference.weights, &Device::Cpu).unwrap()
}

fn images(tensors: &Tensors) -> Tensor {
    let images = super::images(tensors, &Device::Cpu);
    images.to_dtype(DType::F64).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Collects what differs by more than the reference's rounding.
struct Comparison<'a> {
    expected: &'a Tensors,
    compared: usize,
    problems: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(expected: &'a Tensors) -> Self {
        Self {
            expected,
            compared: 0,
            problems: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, found: &Tensor) {
        let found = values(found);
        self.problems.extend(match self.expected.projections(name) {
            Some(expected) => mismatch(name, &projections(found.into_iter()), &expected, PROJECTED),
            None => {
                let expected = self.expected.floats(name).1;
                mismatch(name, &found, &expected, Tolerance::ROUNDED_TO_FLOAT32)
            }
        });
        self.compared += 1;
    }

    /// The running statistics, of which the network gives out rounded ones alone.
    fn add_statistics(&mut self, network: &Network, prefix: &str) {
        let weights = network.to_weights(Metadata::default()).unwrap();
        let names = self.expected.names().into_iter();
        for name in names.filter(|name| name.starts_with(prefix) && name.contains(".running_")) {
            let found = weights.values(name.strip_prefix(prefix).unwrap());
            let expected = self.expected.floats(&name).1;
            self.problems
                .extend(mismatch(&name, found, &expected, Tolerance::ROUNDED_TO_FLOAT32));
            self.compared += 1;
        }
    }

    #[track_caller]
    fn finish(self, tensors: usize) {
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
        assert_eq!(self.compared, tensors);
    }
}

/// Loss and gradients of the reference's batch in training mode.
fn train_pass(network: &mut Network, train: &Tensors) -> (Tensor, Tensor, Gradients) {
    let pass = network.forward_train(&images(train)).unwrap();
    let logits = pass.logits().detach();
    let loss = cross_entropy(pass.logits(), &labels(train, &Device::Cpu), 0.0).unwrap();
    let gradients = network.backward(pass, &loss).unwrap();
    (logits, loss, gradients)
}

#[test]
fn evaluation_logits() {
    let reference = reference();
    let eval = reference.file("eval.safetensors");
    let logits = network(&reference).forward_eval(&images(&eval)).unwrap();
    let mut comparison = Comparison::new(&eval);
    comparison.add("logits", &logits);
    comparison.finish(1);
}

#[test]
fn training_logits_loss_gradients_and_buffers() {
    let reference = reference();
    let train = reference.file("train.safetensors");
    let mut network = network(&reference);
    let (logits, loss, gradients) = train_pass(&mut network, &train);
    let mut comparison = Comparison::new(&train);
    comparison.add("logits", &logits);
    comparison.add("loss", &loss);
    for parameter in network.parameters() {
        let gradient = gradients.get(parameter).unwrap();
        comparison.add(&format!("grad.{}", parameter.name), gradient);
    }
    comparison.add_statistics(&network, "buffer.");
    comparison.finish(2 + (27 * 3 + 2) + 27 * 2);
}

#[test]
fn weights_after_three_steps() {
    let reference = reference();
    let train = reference.file("train.safetensors");
    let sgd = |nesterov| OptimizerKind::Sgd {
        momentum: 0.9,
        nesterov,
    };
    for (name, kind, decay, rate) in [
        ("sgd", sgd(false), 1e-4, 0.05),
        ("nesterov", sgd(true), 1e-4, 0.05),
        ("adamw", ADAMW, ADAMW_DECAY, ADAMW_RATE),
    ] {
        let mut network = network(&reference);
        let mut optimizer = Optimizer::new(kind, decay, true);
        let mut losses = Vec::new();
        for _ in 0..3 {
            let (_, loss, gradients) = train_pass(&mut network, &train);
            losses.push(loss);
            optimizer.step(network.parameters(), &gradients, rate).unwrap();
        }
        let expected = reference.file(&format!("after_3_{name}_steps.safetensors"));
        let mut comparison = Comparison::new(&expected);
        comparison.add("losses", &Tensor::stack(&losses, 0).unwrap());
        for parameter in network.parameters() {
            comparison.add(&parameter.name, parameter.tensor());
        }
        comparison.add_statistics(&network, "");
        comparison.finish(1 + (27 * 3 + 2) + 27 * 2);

        if name != "adamw" {
            continue;
        }
        let weights = network.to_weights(Metadata::default()).unwrap();
        let (close, farthest) = element_errors(&reference, &weights, |name| expected.floats(name).1);
        eprintln!(
            "{name}: {:.3} % of the elements close, the farthest {farthest:.1e} off",
            100.0 * close
        );
        assert!(close >= CLOSE_AFTER_STEPS && farthest <= ADAMW_FARTHEST, "{name}");
    }
}
