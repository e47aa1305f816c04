//! Settings and states with which no step can be made are errors, and change nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use candle_core::{DType, Device, Tensor};
use mbn_model::{Decayed, Network, Optimizer, OptimizerKind, OptimizerState, cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata};

fn network() -> Network {
    let weights = random_weights(Architecture::new(Alpha::Quarter, 3), 4, &Device::Cpu).unwrap();
    Network::from_weights(&weights, &Device::Cpu).unwrap()
}

fn images() -> Tensor {
    Tensor::ones((2, 3, 32, 32), DType::F32, &Device::Cpu).unwrap()
}

#[test]
fn more_steps_than_can_be_counted_and_bad_decays_are_refused() {
    let adamw = |beta1: f64| OptimizerKind::AdamW {
        beta1,
        beta2: 0.99,
        epsilon: 1e-8,
    };
    let mut network = network();
    let labels = Tensor::new(&[0u32, 2], &Device::Cpu).unwrap();
    let pass = network.forward_train(&images()).unwrap();
    let loss = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
    let gradients = network.backward(pass, &loss).unwrap();
    let before = network.to_weights(Metadata::default()).unwrap();
    for (kind, steps, part) in [
        (adamw(0.9), u32::MAX, "4294967295 steps"),
        (adamw(0.9), i32::MAX as u32, "2147483647 steps"),
        (adamw(1.0), 0, "beta1 is 1"),
    ] {
        let mut optimizer = Optimizer::new(kind, 0.0, Decayed::Weights);
        optimizer.set_state(OptimizerState {
            steps,
            ..OptimizerState::default()
        });
        let step = optimizer.step(network.parameters(), &gradients, 0.1);
        let message = step.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert!(network.to_weights(Metadata::default()).unwrap() == before);
    }
    let mut optimizer = Optimizer::new(adamw(0.9), 0.0, Decayed::Weights);
    optimizer.step(network.parameters(), &gradients, 0.1).unwrap();
    assert!(network.to_weights(Metadata::default()).unwrap() != before);
}
