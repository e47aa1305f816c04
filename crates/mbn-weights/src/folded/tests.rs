use std::collections::BTreeMap;

use mbn_spec::{Alpha, Metadata, TensorKind};

use super::*;

/// Weights whose values repeat with a period of 997, with one batch norm set by hand.
fn weights(norm: &str, statistics: [f32; 4]) -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let len = spec.shape.iter().product::<usize>();
        let value = |j: usize| ((i * 131 + j * 17) % 997) as f32 / 997.0 + 0.01;
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name, 1)),
            _ => drop(floats.insert(spec.name, (0..len).map(value).collect::<Vec<_>>())),
        }
    }
    for (part, value) in ["weight", "bias", "running_mean", "running_var"]
        .into_iter()
        .zip(statistics)
    {
        floats
            .entry(format!("{norm}.{part}"))
            .and_modify(|values| values.fill(value));
    }
    Weights::new(architecture, Metadata::default(), floats, counters).unwrap()
}

/// The result of convolution and batch norm, given one input value for each filter tap, in float64.
fn unfolded(weights: &Weights, layer: &ConvLayer, channel: usize, input: impl Fn(usize) -> f64) -> f64 {
    let part = |name: &str| f64::from(weights.values(&format!("{}.{name}", layer.norm_name()))[channel]);
    let taps = layer.weight_shape()[1..].iter().product::<usize>();
    let filter = &weights.values(&format!("{}.weight", layer.conv_name()))[channel * taps..][..taps];
    let conv = filter
        .iter()
        .enumerate()
        .map(|(i, &w)| f64::from(w) * input(i))
        .sum::<f64>();
    let epsilon = weights.architecture().variant.batch_norm_epsilon;
    (conv - part("running_mean")) / (part("running_var") + epsilon).sqrt() * part("weight") + part("bias")
}

#[test]
fn a_folded_layer_computes_convolution_and_batch_norm() {
    // Each weight and the bias are rounded once to float32, of relative precision 6e-8.
    const ROUNDING: f64 = 2e-7;
    let weights = weights("model.4.4", [0.5, -0.25, 0.125, 2.0]);
    let folded = weights.fold();
    let input = |i: usize| ((i * 7919) % 101) as f64 / 50.0 - 1.0;
    for (layer, conv) in weights.architecture().convs().iter().zip(&folded.convs) {
        let taps = layer.weight_shape()[1..].iter().product::<usize>();
        assert_eq!(conv.weight.len(), taps * layer.out_channels);
        assert_eq!(conv.bias.len(), layer.out_channels);
        for channel in [0, layer.out_channels - 1] {
            let filter = &conv.weight[channel * taps..][..taps];
            let terms = filter.iter().enumerate().map(|(i, &w)| f64::from(w) * input(i));
            let found = terms.clone().sum::<f64>() + f64::from(conv.bias[channel]);
            let size = terms.map(f64::abs).sum::<f64>() + f64::from(conv.bias[channel]).abs();
            let expected = unfolded(&weights, layer, channel, input);
            assert!(
                (found - expected).abs() <= ROUNDING * size,
                "{}[{channel}]: {found} {expected}",
                layer.conv_name()
            );
        }
    }
    assert_eq!(folded.fc_weight, weights.values("fc.weight"));
    assert_eq!(folded.fc_bias, weights.values("fc.bias"));
}

#[test]
fn epsilon_bounds_the_scale_of_a_tiny_variance() {
    for var in [0.0, f32::MIN_POSITIVE, 1e-20, 1e-12] {
        let weights = weights("model.2.1", [3.0, 0.5, -2.0, var]);
        let layer = weights.architecture().convs()[3].clone();
        assert_eq!(layer.norm_name(), "model.2.1");
        let conv = &weights.fold().convs[3];
        let scale = 3.0 / (f64::from(var) + 1e-5).sqrt();
        assert_eq!(conv.bias[0], (0.5 + 2.0 * scale) as f32, "variance {var:e}");
        let first = f64::from(weights.values("model.2.0.weight")[0]);
        assert_eq!(conv.weight[0], (first * scale) as f32, "variance {var:e}");
    }
}

#[test]
fn the_scale_is_not_rounded_to_float32_in_between() {
    // A scale rounded to float32 makes products that differ in the last place.
    let weights = weights("model.1.4", [1.1, 0.0, 0.3, 0.7]);
    let conv = &weights.fold().convs[2];
    let scale = f64::from(1.1f32) / (f64::from(0.7f32) + 1e-5).sqrt();
    let raw = weights.values("model.1.3.weight");
    assert!(
        conv.weight
            .iter()
            .zip(raw)
            .all(|(&f, &w)| f == (f64::from(w) * scale) as f32)
    );
    assert!(conv.weight.iter().zip(raw).any(|(&f, &w)| f != w * scale as f32));
}
