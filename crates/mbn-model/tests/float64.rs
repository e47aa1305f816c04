//! The network in float64 against PyTorch's answers, which were computed in float64 and rounded to float32 at the end,
//! and its gradient against finite differences of the loss.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::Device;
use common::files::{batch, reference};
use common::float64::{Batch, Network, Optimizer};
use common::step::{ADAMW, ADAMW_DECAY, ADAMW_RATE};
use mbn_model::{Decayed, OptimizerKind, random_weights};
use mbn_spec::{Alpha, Architecture, Variant};
use mbn_testing::float64::widen;
use mbn_testing::{Tensors, Tolerance, mismatch, projections};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Projections after three steps, which both sides compute in float64; the steps multiply the rounding of their sums.
/// Found: 6e-12. An element off by as much as its rounding to float32 moves projections by ten times this.
const PROJECTED: Tolerance = Tolerance {
    absolute: 1e-9,
    relative_to_max: 0.0,
};
/// Most that a step changes the loss: a hundred million times its rounding, and so little that a step hardly ever takes an
/// activation across a kink.
const CHANGE: f64 = 3e-7;
/// Largest part of the derivative along a direction, or of 1 if that is smaller, by which the difference may be off.
/// The loss's rounding, divided by [`CHANGE`], makes about 5e-7 of it.
const TOLERANCE: f64 = 5e-6;
const SMOOTHING: f64 = 0.1;

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

    fn add(&mut self, name: &str, found: &[f64]) {
        self.problems.extend(match self.expected.projections(name) {
            Some(expected) => mismatch(name, &projections(found.iter().copied()), &expected, PROJECTED),
            None => {
                let expected = self.expected.floats(name).1;
                mismatch(name, found, &expected, Tolerance::ROUNDED_TO_FLOAT32)
            }
        });
        self.compared += 1;
    }

    /// The running statistics whose names follow `prefix` in the file.
    fn add_statistics(&mut self, network: &Network, prefix: &str) {
        let names = self.expected.names().into_iter();
        for name in names.filter(|name| name.starts_with(prefix) && name.contains(".running_")) {
            self.add(&name, &network.tensors[name.strip_prefix(prefix).unwrap()]);
        }
    }

    #[track_caller]
    fn finish(self, tensors: usize) {
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
        assert_eq!(self.compared, tensors);
    }
}

#[test]
fn evaluation_logits() {
    let reference = reference();
    let eval = reference.file("eval.safetensors");
    let (shape, images) = eval.images();
    let logits = Network::new(&reference.weights).evaluate(&widen(&images), shape[3]);
    let mut comparison = Comparison::new(&eval);
    comparison.add("logits", &logits);
    comparison.finish(1);
}

#[test]
fn training_logits_loss_gradients_and_buffers() {
    let reference = reference();
    let train = reference.file("train.safetensors");
    let mut network = Network::new(&reference.weights);
    let step = network.train(&batch(&train), 0.0);
    let mut comparison = Comparison::new(&train);
    comparison.add("logits", &step.logits);
    comparison.add("loss", &[step.loss]);
    for name in network.parameters() {
        comparison.add(&format!("grad.{name}"), &step.gradients[&name]);
    }
    comparison.add_statistics(&network, "buffer.");
    comparison.finish(2 + (27 * 3 + 2) + 27 * 2);
}

#[test]
fn weights_after_three_steps() {
    let reference = reference();
    let batch = batch(&reference.file("train.safetensors"));
    let sgd = |nesterov| OptimizerKind::Sgd {
        momentum: 0.9,
        nesterov,
    };
    for (name, kind, decay, rate) in [
        ("sgd", sgd(false), 1e-4, 0.05),
        ("nesterov", sgd(true), 1e-4, 0.05),
        ("adamw", ADAMW, ADAMW_DECAY, ADAMW_RATE),
    ] {
        let mut network = Network::new(&reference.weights);
        let mut optimizer = Optimizer::new(kind, decay, Decayed::All);
        let mut losses = Vec::new();
        for _ in 0..3 {
            let step = network.train(&batch, 0.0);
            losses.push(step.loss);
            optimizer.step(&mut network, &step.gradients, rate);
        }
        let expected = reference.file(&format!("after_3_{name}_steps.safetensors"));
        let mut comparison = Comparison::new(&expected);
        comparison.add("losses", &losses);
        for name in network.parameters() {
            comparison.add(&name, &network.tensors[&name]);
        }
        comparison.add_statistics(&network, "");
        comparison.finish(1 + (27 * 3 + 2) + 27 * 2);
    }
}

/// Along a random direction of each tensor alone, and along some of all together.
#[test]
fn gradient_is_the_finite_difference_of_the_loss() {
    let architecture = Architecture {
        alpha: Alpha::Quarter,
        classes: 10,
        variant: Variant::default(),
    };
    let mut network = Network::new(&random_weights(architecture, 1, &Device::Cpu).unwrap());
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    let mut uniform = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let batch = Batch {
        images: uniform(4 * 3 * 32 * 32),
        size: 32,
        labels: vec![3, 1, 4, 1],
    };
    let gradients = network.train(&batch, SMOOTHING).gradients;

    let parameters = network.parameters();
    let alone = parameters
        .iter()
        .map(|name| (name.as_str(), std::slice::from_ref(name)));
    let together = [("all", parameters.as_slice()); 4];
    let mut worst = 0.0f64;
    for (name, moved) in alone.chain(together) {
        let directions: Vec<Vec<f64>> = moved.iter().map(|p| uniform(gradients[p].len())).collect();
        let before: Vec<Vec<f64>> = moved.iter().map(|p| network.tensors[p].clone()).collect();
        let along = |(p, direction): (&String, &Vec<f64>)| -> f64 {
            gradients[p].iter().zip(direction).map(|(g, d)| g * d).sum()
        };
        let derivative: f64 = moved.iter().zip(&directions).map(along).sum();
        let scale = derivative.abs().max(1.0);
        let mut loss_at = |step: f64| {
            for ((p, before), direction) in moved.iter().zip(&before).zip(&directions) {
                let values = before.iter().zip(direction).map(|(b, d)| b + step * d);
                network.tensors.insert(p.clone(), values.collect());
            }
            network.loss(&batch, SMOOTHING)
        };
        let step = CHANGE / scale;
        let difference = (loss_at(step) - loss_at(-step)) / (2.0 * step);
        for (p, before) in moved.iter().zip(before) {
            network.tensors.insert(p.clone(), before);
        }
        let error = (difference - derivative).abs() / scale;
        worst = worst.max(error);
        assert!(
            error <= TOLERANCE,
            "{name}: difference {difference}, derivative {derivative}"
        );
    }
    eprintln!("the farthest difference is {worst:.1e} off");
}
