//! The pass that corrects a rounded network layer by layer, on bytes that the layers before give already. Weights move so that
//! their errors cancel (`compensate`). Then biases are corrected (Nagel et al. 2019): rounded weights shift the mean of what a
//! channel gives, and the shift is the same for nearly all pictures, so that it is measured and taken out of the bias.

use mbn_model::{Bias, QuantizedNetwork};
use mbn_weights::{FoldedConv, Quantized, QuantizedLayer};

use crate::calibration::Calibration;
use crate::compensate::{Covariances, compensated};
use crate::pictures::batches;
use crate::{QuantError, rounding};

/// The network with corrected weights and biases, and its logits for the pictures. `layers` are the float network's, and `means`
/// what its convolutions give on average, before the activation.
pub(crate) fn correct(
    calibration: &Calibration<'_>,
    quantized: Quantized,
    layers: &[FoldedConv],
    means: &[Vec<f64>],
) -> Result<(Quantized, Vec<f32>), QuantError> {
    let n = calibration.corrected;
    let mut network = QuantizedNetwork::new(quantized)?;
    let mut values = Vec::new();
    for (range, images) in batches(calibration.pictures, n) {
        values.push((range.len(), network.input(&images?)?));
    }
    for (layer, (expected, float)) in means.iter().zip(layers).enumerate() {
        if let QuantizedLayer::Bytes(bytes) = &network.weights().layers[layer] {
            let covariances = Covariances::measure(&network, layer, &values)?;
            let weight = compensated(&float.weight, bytes, &covariances);
            network.set_weight(layer, weight)?;
        }
        let mut found = vec![0.0; expected.len()];
        for (pictures, values) in &values {
            let sums = network.convolve(layer, values)?;
            let part = *pictures as f64 / n as f64;
            let means = sums.means().iter().map(|mean| f64::from(*mean) * part);
            found
                .iter_mut()
                .zip(means)
                .for_each(|(found, mean)| *found += mean);
        }
        let input = network.weights().scale_before(layer);
        let bias = bias(&network.weights().layers[layer], input, expected, &found);
        network.set_bias(layer, bias)?;
        for (_, values) in &mut values {
            *values = network.finish(layer, network.convolve(layer, values)?)?;
        }
    }
    let mut features = Vec::new();
    for (_, values) in &values {
        features.push(network.features(values)?);
    }
    let logits = |network: &QuantizedNetwork| -> Result<Vec<f32>, QuantError> {
        let mut logits = Vec::new();
        for features in &features {
            logits.extend(network.classify(features)?.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(logits)
    };
    // The classifier's shift is that of the logits.
    let classes = network.architecture().classes;
    let found = mean_rows(&logits(&network)?, classes);
    let expected = mean_rows(&calibration.logits, classes);
    let last = means.len();
    let shift: Vec<f64> = expected
        .iter()
        .zip(&found)
        .map(|(expected, found)| expected - found)
        .collect();
    let bias = match &network.weights().layers[last] {
        QuantizedLayer::Float(conv) => Bias::Floats(
            conv.bias
                .iter()
                .zip(shift)
                .map(|(bias, shift)| (f64::from(*bias) + shift) as f32)
                .collect(),
        ),
        QuantizedLayer::Bytes(own) => {
            let input = network.weights().scale_before(last);
            let channels = own.bias.iter().zip(&own.scales).zip(shift);
            let steps = channels
                .map(|((bias, scale), shift)| bias.saturating_add(rounding::steps(shift, input * scale)));
            Bias::Steps(steps.collect())
        }
    };
    network.set_bias(last, bias)?;
    let logits = logits(&network)?;
    Ok((network.weights().clone(), logits))
}

/// The bias with which sums of mean `found` have the mean `expected`.
fn bias(layer: &QuantizedLayer, input: f32, expected: &[f64], found: &[f64]) -> Bias {
    let pairs = expected.iter().zip(found);
    match layer {
        QuantizedLayer::Float(_) => {
            Bias::Floats(pairs.map(|(expected, found)| (expected - found) as f32).collect())
        }
        QuantizedLayer::Bytes(own) => {
            let channels = pairs.zip(&own.scales);
            let steps = channels.map(|((expected, found), scale)| {
                let step = input * scale;
                rounding::steps(expected - found * f64::from(step), step)
            });
            Bias::Steps(steps.collect())
        }
    }
}

fn mean_rows(rows: &[f32], columns: usize) -> Vec<f64> {
    let mut means = vec![0.0; columns];
    let n = (rows.len() / columns.max(1)).max(1) as f64;
    for row in rows.chunks_exact(columns.max(1)) {
        means
            .iter_mut()
            .zip(row)
            .for_each(|(mean, value)| *mean += f64::from(*value) / n);
    }
    means
}
