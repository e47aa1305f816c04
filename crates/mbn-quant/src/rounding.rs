//! Weights and biases as integers, one scale for each output channel.

use mbn_spec::LARGEST_WEIGHT;
use mbn_weights::{ByteLayer, FoldedConv};

/// A bias leaves this much room in 32 bits for the sum of the products.
const LARGEST_BIAS: f32 = (1 << 30) as f32;
/// Scales stay above this, so that none vanishes.
const SMALLEST_SCALE: f32 = 1e-20;

/// The nearest integers, for an input of this scale.
pub(crate) fn bytes(conv: &FoldedConv, input: f32) -> ByteLayer {
    let channels = conv.bias.len();
    let mut layer = ByteLayer {
        weight: Vec::with_capacity(conv.weight.len()),
        scales: Vec::with_capacity(channels),
        bias: Vec::with_capacity(channels),
    };
    let filters = conv
        .weight
        .chunks_exact((conv.weight.len() / channels.max(1)).max(1));
    for (filter, &bias) in filters.zip(&conv.bias) {
        let largest = filter
            .iter()
            .fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
        let bound = f32::from(LARGEST_WEIGHT);
        // A channel without weights, or nearly so, still has its bias.
        let scale = (largest / bound)
            .max(bias.abs() / (input * LARGEST_BIAS))
            .max(SMALLEST_SCALE);
        let step = |weight: &f32| (weight / scale).round_ties_even().clamp(-bound, bound) as i8;
        layer.weight.extend(filter.iter().map(step));
        layer.scales.push(scale);
        layer.bias.push(steps(f64::from(bias), input * scale));
    }
    layer
}

/// A bias in steps.
pub(crate) fn steps(bias: f64, step: f32) -> i32 {
    (bias / f64::from(step)).round_ties_even() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `vpmaddubsw` computes of two pairs: sums of two products that saturate at 16 bits.
    fn saturating(values: &[u8], weights: &[i8]) -> i32 {
        let pairs = values.chunks(2).zip(weights.chunks(2));
        pairs
            .map(|(values, weights)| {
                let exact = exact(values, weights);
                exact.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
            })
            .sum()
    }

    fn exact(values: &[u8], weights: &[i8]) -> i32 {
        values
            .iter()
            .zip(weights)
            .map(|(x, w)| i32::from(*x) * i32::from(*w))
            .sum()
    }

    /// Two large values under two large weights: eight bits saturate in silence, seven cannot.
    #[test]
    fn eight_bits_saturate_where_seven_do_not() {
        let values = [255, 255];
        let filter = [1.0f32, 0.9];
        let with = |bound: f32| filter.map(|weight| (weight * bound).round() as i8);
        let (eight, seven) = (with(127.0), with(64.0));
        assert_eq!(
            (exact(&values, &eight), saturating(&values, &eight)),
            (61_455, 32_767)
        );
        assert_eq!(exact(&values, &seven), saturating(&values, &seven));
        assert_eq!(saturating(&[255, 255], &[64, 64]), 32_640);
        assert_eq!(saturating(&[255, 255], &[-64, -64]), -32_640);
    }

    /// Quotients of up to 64 are rounded to float32, so that near a half the integer on the other side may be the nearest.
    const ROUNDING: f64 = 64.0 * f32::EPSILON as f64;

    proptest! {
        /// Beside a naive loop: the nearest of the integers from -64 to 64, and half a step away at most.
        #[test]
        fn weights_are_the_nearest_integers(
            filters in prop::collection::vec(prop::collection::vec(-1e3f32..1e3, 9), 1..5),
            biases in prop::collection::vec(-1e3f32..1e3, 5),
            input in 1e-4f32..1.0,
        ) {
            let conv = FoldedConv {
                weight: filters.concat(),
                bias: biases[..filters.len()].to_vec(),
            };
            let layer = bytes(&conv, input);
            for (c, filter) in filters.iter().enumerate() {
                let scale = layer.scales[c];
                for (i, weight) in filter.iter().enumerate() {
                    let found = layer.weight[9 * c + i];
                    let distance = |step: i32| (f64::from(step) * f64::from(scale) - f64::from(*weight)).abs();
                    let nearest = (-64..=64).map(distance).fold(f64::INFINITY, f64::min);
                    prop_assert!(distance(i32::from(found)) <= nearest + ROUNDING * f64::from(scale));
                    prop_assert!(found.unsigned_abs() <= 64);
                }
                let bias = f64::from(layer.bias[c]) * f64::from(input * scale);
                prop_assert!((bias - f64::from(conv.bias[c])).abs() <= 0.5001 * f64::from(input * scale));
            }
        }

        /// No values saturate a sum of two products whose weights a layer may have.
        #[test]
        fn no_values_saturate(
            filter in prop::collection::vec(-1e3f32..1e3, 16),
            values in prop::collection::vec(prop::sample::select(vec![0u8, 1, 127, 254, 255]), 16),
        ) {
            let layer = bytes(&FoldedConv { weight: filter, bias: vec![0.0] }, 0.1);
            prop_assert_eq!(exact(&values, &layer.weight), saturating(&values, &layer.weight));
        }
    }

    #[test]
    fn a_channel_without_weights_keeps_its_bias() {
        let conv = FoldedConv {
            weight: vec![0.0, 1e-38, 0.0],
            bias: vec![0.0, 5.0, -1e9],
        };
        let layer = bytes(&conv, 0.01);
        for (c, expected) in [0.0, 5.0, -1e9].into_iter().enumerate() {
            let bias = f64::from(layer.bias[c]) * f64::from(0.01 * layer.scales[c]);
            assert!(
                (bias - expected).abs() <= 1e-6 * expected.abs(),
                "{bias}, expected {expected}"
            );
            assert!(layer.scales[c] > 0.0 && layer.bias[c].abs() <= 1 << 30);
        }
    }
}
