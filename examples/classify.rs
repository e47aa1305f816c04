//! Classifies one picture with candle: decode, resize, normalise, run, print the three best classes.
//!
//! `cargo run --release --example classify -- models/mobilenet_v1_0.25.safetensors examples/images/church.jpg`

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::{D, Device, Tensor};
use mbn_model::InferenceNetwork;
use mbn_weights::Weights;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: classify WEIGHTS.safetensors PICTURE";
    let (weights, picture) = (args.next().context(usage)?, args.next().context(usage)?);

    let weights = Weights::load(&weights)?;
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    let image = mbn_data::resize(&mbn_data::decode_file(&picture)?, &preprocess)?;
    let size = preprocess.size;
    let mut values = vec![0.0; 3 * size * size];
    mbn_data::normalize_into(&image, &preprocess, &mut values);

    let device = Device::Cpu;
    let network = InferenceNetwork::new(&weights.fold(), &device)?;
    let logits = network.forward(&Tensor::from_vec(values, (1, 3, size, size), &device)?)?;
    let probabilities = candle_nn::ops::softmax(&logits, D::Minus1)?
        .flatten_all()?
        .to_vec1::<f32>()?;

    let mut ranked: Vec<_> = weights.class_names().into_iter().zip(probabilities).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (name, probability) in ranked.iter().take(3) {
        println!("{name}: {:.1} %", 100.0 * probability);
    }
    Ok(())
}
