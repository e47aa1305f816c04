//! The time of a training step on noise, by operation.

use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::{Device, Tensor};
use mbn_model::{Decayed, Network, Optimizer, Profile, cross_entropy, fresh_weights};
use mbn_spec::{Architecture, Metadata};

use crate::settings::Settings;

const WARM_UP: usize = 2;
/// Steps that are measured.
pub(super) const STEPS: usize = 8;
pub(super) const CLASSES: usize = 10;

/// Mean times per step.
pub(super) struct Measured {
    pub step: Duration,
    pub optimizer: Duration,
    /// Sums over the steps.
    pub profile: Profile,
}

/// Trains a few steps of random weights on noise.
pub(super) fn measure(
    settings: &Settings,
    architecture: Architecture,
    device: &Device,
    batch: usize,
    size: usize,
) -> Result<Measured> {
    let weights = fresh_weights(architecture, settings.seed, Metadata::default())?;
    let mut network = Network::from_weights(&weights, device)?;
    network.set_activation_type(settings.precision.activation_type());
    let mut optimizer = Optimizer::new(settings.optimizer.kind(), 1e-4, Decayed::Weights);
    let images = Tensor::randn(0f32, 1f32, (batch, 3, size, size), device)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % CLASSES as u32).collect();
    let labels = Tensor::new(labels, device)?;
    let (mut in_optimizer, mut start) = (Duration::ZERO, Instant::now());
    for step in 0..WARM_UP + STEPS {
        if step == WARM_UP {
            device.synchronize()?;
            network.start_profile();
            (in_optimizer, start) = (Duration::ZERO, Instant::now());
        }
        let pass = network.forward_train(&images)?;
        let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
        let gradients = network.backward(pass, &loss)?;
        device.synchronize()?;
        let before = Instant::now();
        optimizer.step(network.parameters(), &gradients, 1e-3)?;
        device.synchronize()?;
        in_optimizer += before.elapsed();
    }
    let step = start.elapsed() / STEPS as u32;
    Ok(Measured {
        step,
        optimizer: in_optimizer / STEPS as u32,
        profile: network.take_profile(),
    })
}
