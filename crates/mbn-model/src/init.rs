//! Weights before training.

use std::f64::consts::TAU;

use candle_core::{Device, Result, Tensor};
use mbn_spec::{Architecture, Metadata, TensorKind, TensorSpec};
use mbn_weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::Network;

/// Pictures on which the statistics of random weights are measured, and their size. The network is
/// convolutional, so statistics of small pictures serve larger ones.
const NOISE_PICTURES: usize = 16;
const NOISE_SIZE: usize = 96;
/// The classifier's initial weights are small; random weights that are to be told apart need larger ones.
const RANDOM_CLASSIFIER_GAIN: f32 = 4.0;

/// Initial weights for training, distributed as PyTorch's: convolutions and classifier uniform within
/// `1 / sqrt(fan_in)`, batch norm the identity. Batch norm makes the size of a convolution's weights a matter of the
/// learning rate alone: weights as large as He's would train several times more slowly at the same rate.
///
/// # Errors
/// If the tensors do not fit the architecture, which would be a fault of this crate.
pub fn fresh_weights(architecture: Architecture, seed: u64, metadata: Metadata) -> Result<Weights> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let values = |spec: &TensorSpec| initial_values(spec, architecture.features(), &mut rng);
    Weights::from_fns(architecture, metadata, values, |_| 0).map_err(candle_core::Error::wrap)
}

fn initial_values(spec: &TensorSpec, features: usize, rng: &mut Pcg64Mcg) -> Vec<f32> {
    let len = spec.shape.iter().product::<usize>();
    let constant = |value: f32| vec![value; len];
    let fan_in = match (spec.kind, spec.shape.as_slice()) {
        (TensorKind::Weight, shape) => shape[1..].iter().product(),
        _ if spec.name.starts_with("fc.") => features,
        _ if spec.name.ends_with(".bias") || spec.name.ends_with(".running_mean") => return constant(0.0),
        _ => return constant(1.0),
    };
    let bound = 1.0 / (fan_in as f32).sqrt();
    (0..len).map(|_| rng.random_range(-bound..bound)).collect()
}

/// A value of the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
}

/// Random weights whose logits depend on the input: batch norm's parameters vary and its statistics are
/// measured on noise pictures. For tests of export and speed, not for training.
///
/// # Errors
/// If the device fails.
pub fn random_weights(architecture: Architecture, seed: u64, device: &Device) -> Result<Weights> {
    let weights = fresh_weights(architecture, seed, Metadata::default())?;
    let mut network = Network::from_weights(&weights, device)?;
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x5eed);
    for parameter in network.parameters() {
        let shape = parameter.tensor().shape().clone();
        let mut uniform = |low: f32, high: f32| {
            let values: Vec<f32> = (0..shape.elem_count())
                .map(|_| rng.random_range(low..high))
                .collect();
            Tensor::from_vec(values, shape.clone(), device)
        };
        if parameter.name.starts_with("fc.") {
            parameter
                .var
                .set(&(parameter.tensor() * f64::from(RANDOM_CLASSIFIER_GAIN))?)?;
        } else if parameter.kind == TensorKind::Bias {
            let is_scale = parameter.name.ends_with(".weight");
            let values = if is_scale {
                uniform(0.7, 1.3)?
            } else {
                uniform(-0.3, 0.3)?
            };
            parameter.var.set(&values)?;
        }
    }
    network.measure_statistics(&noise_pictures(NOISE_PICTURES, NOISE_SIZE, seed, device)?)?;
    network.to_weights(Metadata::default())
}

/// Pictures of smooth blobs and noise, different from each other: `[n, 3, size, size]`.
fn noise_pictures(n: usize, size: usize, seed: u64, device: &Device) -> Result<Tensor> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0xb10b);
    let mut values = Vec::with_capacity(n * 3 * size * size);
    for _ in 0..n * 3 {
        let (offset, amplitude) = (normal(&mut rng), normal(&mut rng));
        let grain = rng.random_range(0.1..1.5);
        let (fx, fy, phase) = (
            rng.random_range(0.5..4.0),
            rng.random_range(0.5..4.0),
            rng.random_range(0.0..TAU),
        );
        for i in 0..size * size {
            let (y, x) = ((i / size) as f64 / size as f64, (i % size) as f64 / size as f64);
            let wave = (TAU * (fx * x + fy * y) + phase).sin();
            values.push((offset + amplitude * wave + grain * normal(&mut rng)) as f32);
        }
    }
    Tensor::from_vec(values, (n, 3, size, size), device)
}
