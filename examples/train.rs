//! Trains the smallest network on pictures of two colours for a few steps, and saves the weights.
//!
//! `cargo run --release --example train -- two_colours.safetensors`

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use mbn_model::{Decayed, Network, Optimizer, OptimizerKind, cross_entropy, fresh_weights};
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};

const SIZE: usize = 64;

fn main() -> Result<()> {
    let out = std::env::args().nth(1).context("usage: train OUT.safetensors")?;
    let device = Device::Cpu;
    let metadata = Metadata {
        classes: Some(vec!["dark".into(), "bright".into()]),
        preprocess: Some(Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let architecture = Architecture::new(Alpha::Quarter, 2);
    let weights = fresh_weights(architecture, 0, metadata.clone())?;
    let mut network = Network::from_weights(&weights, &device)?;
    let sgd = OptimizerKind::Sgd {
        momentum: 0.9,
        nesterov: true,
    };
    let mut optimizer = Optimizer::new(sgd, 1e-4, Decayed::Weights);

    // Eight dark and eight bright pictures, each with some noise: [16, 3, SIZE, SIZE].
    let labels: Vec<u32> = (0..16).map(|i| i % 2).collect();
    let shade = Tensor::new(
        labels.iter().map(|l| *l as f32 * 2.0 - 1.0).collect::<Vec<_>>(),
        &device,
    )?;
    let noise = Tensor::randn(0f32, 0.5, (16, 3, SIZE, SIZE), &device)?;
    let images = noise.broadcast_add(&shade.reshape((16, 1, 1, 1))?)?;
    let labels = Tensor::new(labels, &device)?;

    for step in 1..=10 {
        let pass = network.forward_train(&images)?;
        let loss = cross_entropy(pass.logits(), &labels, 0.0)?;
        let gradients = network.backward(pass, &loss)?;
        optimizer.step(network.parameters(), &gradients, 0.02)?;
        println!("step {step:2}: loss {:.4}", loss.mean.to_scalar::<f32>()?);
    }
    network.to_weights(metadata)?.save(Path::new(&out))?;
    println!("saved `{out}`");
    Ok(())
}
