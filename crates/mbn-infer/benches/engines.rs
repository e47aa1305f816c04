//! Images per second of one engine on batches in memory, for `make bench`: one JSON object, the median over the
//! calls after two of warm-up. `ort` needs ONNX Runtime, as `mbn-infer` finds it.
//!
//! `cargo bench -p mbn-infer --bench engines -- --engine ort --alpha 1.0 --batch 32 --steps 8`

use std::time::Instant;

use anyhow::{Result, bail};
use mbn_infer::engine::{CandleEngine, Engine, OrtEngine};
use mbn_infer::runtime;
use mbn_model::fresh_weights;
use mbn_onnx::{ExportOptions, export};
use mbn_spec::{Architecture, Metadata, Weights};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
const SIZE: usize = 224;
const WARM_UP: usize = 2;

fn engine(name: &str, weights: &Weights) -> Result<Box<dyn Engine>> {
    Ok(match name {
        "candle" => Box::new(CandleEngine::new(&weights.fold())?),
        "ort" => {
            let onnx = export(weights, &ExportOptions::default())?.to_bytes();
            let threads = rayon::current_num_threads();
            Box::new(OrtEngine::from_bytes(&runtime::find(None)?, &onnx, threads)?)
        }
        _ => bail!("`--engine {name}`: expected candle or ort"),
    })
}

fn main() -> Result<()> {
    let (mut name, mut alpha, mut batch, mut steps) = ("candle".to_owned(), "1.0".to_owned(), 32, 8);
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let value = args.next().unwrap_or_default();
        match flag.as_str() {
            "--engine" => name = value,
            "--alpha" => alpha = value,
            "--batch" => batch = value.parse()?,
            "--steps" => steps = value.parse()?,
            _ => bail!("unknown option `{flag}`"),
        }
    }
    let weights = fresh_weights(Architecture::new(alpha.parse()?, CLASSES), 0, Metadata::default())?;
    let mut engine = engine(&name, &weights)?;
    let images: Vec<f32> = (0..batch * 3 * SIZE * SIZE)
        .map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0)
        .collect();
    let mut times = Vec::new();
    for _ in 0..WARM_UP + steps {
        let start = Instant::now();
        engine.logits(&images, batch)?;
        times.push(start.elapsed().as_secs_f64());
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_by(f64::total_cmp);
    let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
    let result = serde_json::json!({
        "engine": engine.describe(),
        "alpha": alpha,
        "batch": batch,
        "images_per_s": batch as f64 / median,
    });
    println!("{result}");
    Ok(())
}
