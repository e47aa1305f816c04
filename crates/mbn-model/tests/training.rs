//! Frozen blocks and clipped gradients.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use candle_core::{Device, Tensor};
use mbn_model::{Decayed, Gradients, Network, Optimizer, OptimizerKind, cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_weights::Weights;

const ADAMW: OptimizerKind = OptimizerKind::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

fn weights() -> Weights {
    random_weights(Architecture::new(Alpha::Quarter, 3), 4, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Frozen blocks keep their statistics and get no gradients; those of the others are exactly those of a network
/// whose first blocks evaluate.
#[test]
fn frozen_blocks_do_not_train() {
    let weights = weights();
    let images = Tensor::randn(0f32, 1.0, (4, 3, 64, 64), &Device::Cpu).unwrap();
    let labels = Tensor::new(&[0u32, 1, 2, 1], &Device::Cpu).unwrap();
    for (blocks, trained) in [(0, 83), (1, 80), (5, 56), (14, 2)] {
        let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
        network.freeze(blocks);
        assert_eq!(network.trainable_parameters().count(), trained, "{blocks} blocks");
        let mut optimizer = Optimizer::new(ADAMW, 1e-2, Decayed::Weights);
        for _ in 0..2 {
            let pass = network.forward_train(&images).unwrap();
            let loss = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
            let gradients = network.backward(pass, &loss).unwrap();
            let given = network.parameters().filter(|p| gradients.get(p).is_some());
            assert_eq!(given.count(), trained, "{blocks} blocks");
            optimizer
                .step(network.trainable_parameters(), &gradients, 1e-3)
                .unwrap();
        }
        let after = network.to_weights(Metadata::default()).unwrap();
        for spec in weights.architecture().tensors() {
            let block = spec.name.strip_prefix("model.").map_or(14, |rest| {
                rest.split('.').next().unwrap().parse::<usize>().unwrap()
            });
            let changed = match spec.kind {
                TensorKind::Counter => after.counter(&spec.name) != weights.counter(&spec.name),
                _ => after.values(&spec.name) != weights.values(&spec.name),
            };
            assert_eq!(changed, block >= blocks, "{blocks} blocks: {}", spec.name);
        }
    }
}

#[test]
fn clipping_keeps_the_direction() {
    let weights = weights();
    let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu).unwrap();
    let labels = Tensor::new(&[0u32, 1, 2, 1], &Device::Cpu).unwrap();
    let pass = network.forward_train(&images).unwrap();
    let loss = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
    let mut gradients = network.backward(pass, &loss).unwrap();
    let all = |gradients: &Gradients| {
        let of = |p| values(gradients.get(p).unwrap());
        network.parameters().flat_map(of).collect::<Vec<_>>()
    };
    let before = all(&gradients);
    let norm = before.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    // Sums of squares in single precision.
    let close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-4;
    assert!(close(gradients.norm().unwrap(), norm));
    assert!(close(gradients.clip_norm(2.0 * norm).unwrap(), norm));
    assert_eq!(all(&gradients), before, "short enough");
    assert!(close(gradients.clip_norm(0.25 * norm).unwrap(), norm));
    assert!(close(gradients.norm().unwrap(), 0.25 * norm));
    for (before, after) in before.iter().zip(all(&gradients)) {
        assert!(
            (0.25 * before - after).abs() <= 1e-5 * before.abs(),
            "{before} {after}"
        );
    }
}
