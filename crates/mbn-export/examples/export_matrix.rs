//! Writes a model for every combination of options to stdout, for `scripts/export_matrix.py`, which has ONNX's own library judge
//! them: for each, a line that describes it and states its length, and its bytes.

#[path = "../tests/common/quantised.rs"]
mod quantised;

use std::error::Error;
use std::io::{BufWriter, Write, stdout};

use candle_core::Device;
use mbn_model::random_weights;
use mbn_onnx::{ExportOptions, InputKind, InputSize, OPSETS, Precision};
use mbn_spec::{Alpha, Architecture, Centre, Interpolation, LayerSet, Metadata, Preprocess, Resize};
use mbn_weights::Weights;

const INPUTS: [(InputKind, InputSize); 5] = [
    (InputKind::Float, InputSize::Fixed),
    (InputKind::Float, InputSize::Any),
    (InputKind::Uint8, InputSize::Fixed),
    (InputKind::Uint8, InputSize::Any),
    (InputKind::Uint8, InputSize::Resized),
];

const PRECISIONS: [Precision; 3] = [Precision::Fp32, Precision::Fp16, Precision::Int8];

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(stdout().lock());
    for alpha in Alpha::ALL {
        let random = random_weights(Architecture::new(alpha, 10), 1, &Device::Cpu)?;
        for size in [96, 224] {
            for (resize, interpolation, centre) in [
                (Resize::Square, Interpolation::Bilinear, Centre::Even),
                (Resize::Crop, Interpolation::Bicubic, Centre::Even),
                (Resize::Crop, Interpolation::Bicubic, Centre::Down),
            ] {
                let metadata = Metadata {
                    preprocess: Some(Preprocess {
                        size,
                        resize,
                        interpolation,
                        centre,
                        ..Preprocess::default()
                    }),
                    ..Metadata::default()
                };
                let weights = random.clone().with_metadata(metadata)?;
                write(
                    &mut out,
                    &weights,
                    &format!("alpha {alpha}, {size} pixels, {resize}, {interpolation}, {centre:?}"),
                )?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Every combination for these weights. How pictures are resized matters only where the graph does it.
fn write(out: &mut impl Write, weights: &Weights, name: &str) -> Result<(), Box<dyn Error>> {
    let exporter = quantised::exporter(weights, LayerSet::NONE, true)?;
    let square = weights.metadata().preprocess.unwrap_or_default().resize == Resize::Square;
    for (bits, precision) in (0..8).flat_map(|bits| PRECISIONS.map(|precision| (bits, precision))) {
        let bit = |i: u32| bits >> i & 1 == 1;
        for (input, size) in INPUTS {
            for opset in OPSETS {
                for batch in [None, Some(5)] {
                    let options = ExportOptions {
                        opset,
                        batch,
                        input,
                        size,
                        fold: bit(0),
                        keep_float: LayerSet::NONE,
                        softmax: bit(1),
                        features: bit(2),
                        precision,
                    };
                    if options.validate().is_err() || (size != InputSize::Resized && !square) {
                        continue;
                    }
                    let bytes = exporter.export(&options)?.to_bytes();
                    writeln!(out, "{} {name}, {options:?}", bytes.len())?;
                    out.write_all(&bytes)?;
                }
            }
        }
    }
    Ok(())
}
