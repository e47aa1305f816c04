//! Writes weights as an ONNX file from Rust, and prints what is in it.
//!
//! `cargo run --release --example export -- models/mobilenet_v1_0.25.safetensors model.onnx`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_files::atomic;
use mbn_onnx::ExportOptions;
use mbn_weights::Weights;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: export WEIGHTS.safetensors OUT.onnx";
    let (weights, out) = (args.next().context(usage)?, args.next().context(usage)?);

    let model = mbn_onnx::export(&Weights::load(&weights)?, &ExportOptions::default())?;
    let report = mbn_onnx::checker::check(&model)?;
    atomic::write(Path::new(&out), &model.to_bytes())?;
    let graph = model
        .proto()
        .graph
        .as_ref()
        .context("an exported model has a graph")?;
    println!("{} nodes, {} tensors", graph.node.len(), graph.initializer.len());
    for (name, shape) in &report.outputs {
        println!("output `{name}`: {shape:?}");
    }
    println!("metadata: {:?}", model.metadata()?);
    Ok(())
}
