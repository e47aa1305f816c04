//! Weights in 8 bits, calibrated on noise: for what holds whatever the numbers are.

use std::ops::Range;

use mbn_onnx::Exporter;
use mbn_quant::{Calibration, LEAST, Method, Pictures, QuantError};
use mbn_spec::{LayerSet, Quantization};
use mbn_weights::Weights;

struct Noise;

/// Small pictures take little time.
const SIZE: usize = 32;

impl Pictures for Noise {
    fn len(&self) -> usize {
        LEAST
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        let value = |i: usize| ((i.wrapping_mul(2_654_435_761)) >> 7) % 997;
        let len = 3 * SIZE * SIZE;
        (pictures.start * len..pictures.end * len)
            .map(|i| value(i) as f32 / 220.0 - 2.1)
            .collect()
    }
}

/// An exporter of the weights in 8 bits, with the layers in `float` in float32; with `features` for an output of its own.
pub fn exporter(weights: &Weights, float: LayerSet, features: bool) -> Result<Exporter<'_>, QuantError> {
    let calibration = match features {
        true => Calibration::measure_for_features(weights, &Noise)?,
        false => Calibration::measure(weights, &Noise)?,
    };
    let (quantized, _) = calibration.quantise(Method::default(), float)?;
    let how = Quantization {
        format: "int8".to_owned(),
        keep_float: float.names(weights.architecture()),
        ..Quantization::default()
    };
    Ok(Exporter::new(weights).with_quantized(quantized, how))
}
