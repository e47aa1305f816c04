//! Cross-layer equalisation (Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction"):
//! a channel between two layers is divided by a number, and the next layer's weights for it are multiplied by that number.
//! ReLU lets it pass, so the network computes the same; but bytes, which have one scale for all channels of a layer, serve
//! channels better whose ranges agree.
//!
//! Weights have a scale for each output channel. So a channel before a depthwise convolution can be scaled to the full range
//! at no cost; before a pointwise one, its range is balanced against that of the weights that read it.

use mbn_spec::{Activation, Architecture, LayerKind, LayerSet};
use mbn_weights::{Folded, FoldedConv};

/// Channels whose values are smaller than this part of the layer's largest are scaled as if they reached it: other pictures
/// may have larger values than those of calibration.
const LEAST_RANGE: f32 = 1.0 / 32.0;

/// The divisors of each convolution's channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Equalisation {
    pub divisors: Vec<Vec<f32>>,
}

impl Equalisation {
    /// For values that reach `largest` in each channel of each convolution.
    pub fn new(weights: &Folded, largest: &[Vec<f32>]) -> Self {
        let convs = weights.architecture.convs();
        let max = weights.architecture.variant.activation.max();
        let divisors = largest.iter().enumerate().map(|(i, largest)| {
            let most = largest.iter().copied().fold(0.0, f32::max);
            if most <= 0.0 {
                return vec![1.0; largest.len()];
            }
            let ranges: Vec<f32> = largest
                .iter()
                .map(|range| range.max(LEAST_RANGE * most))
                .collect();
            let next = convs.get(i + 1).map(|conv| conv.kind);
            if next == Some(LayerKind::Depthwise) {
                return ranges.iter().map(|range| range / most).collect();
            }
            let filters = weights
                .convs
                .get(i + 1)
                .map_or(&weights.fc_weight, |conv| &conv.weight);
            balanced(&ranges, &columns(filters, ranges.len()), most, max)
        });
        Self {
            divisors: divisors.collect(),
        }
    }

    /// The same without the last convolution, whose channels the classifier reads.
    pub fn without_last(mut self) -> Self {
        if let Some(last) = self.divisors.last_mut() {
            last.fill(1.0);
        }
        self
    }

    /// The same without what a float layer's ReLU6 would not let pass. Bytes that end at or below 6 are that limit, whatever
    /// the scale; a `Clip` is not.
    pub fn valid_with(&self, architecture: &Architecture, float: LayerSet) -> Self {
        let mut valid = self.clone();
        if architecture.variant.activation == Activation::Relu6 {
            let layers = valid.divisors.iter_mut().enumerate();
            for (_, divisors) in layers.filter(|(i, _)| float.contains(*i)) {
                divisors.fill(1.0);
            }
        }
        valid
    }

    /// The convolutions, and last the classifier, for channels that are divided.
    pub fn apply(&self, weights: &Folded) -> Vec<FoldedConv> {
        let convs = weights.architecture.convs();
        let classifier = FoldedConv {
            weight: weights.fc_weight.clone(),
            bias: weights.fc_bias.clone(),
        };
        let mut layers: Vec<FoldedConv> = weights.convs.iter().cloned().chain([classifier]).collect();
        for (i, divisors) in self.divisors.iter().enumerate() {
            let (own, next) = layers.split_at_mut(i + 1);
            let own = &mut own[i];
            let len = own.weight.len() / divisors.len().max(1);
            for ((filter, bias), divisor) in own
                .weight
                .chunks_exact_mut(len.max(1))
                .zip(&mut own.bias)
                .zip(divisors)
            {
                filter.iter_mut().for_each(|weight| *weight /= divisor);
                *bias /= divisor;
            }
            let depthwise = convs
                .get(i + 1)
                .is_some_and(|conv| conv.kind == LayerKind::Depthwise);
            let weights = next[0].weight.iter_mut().enumerate();
            match depthwise {
                true => weights.for_each(|(at, weight)| *weight *= divisors[at / 9]),
                false => weights.for_each(|(at, weight)| *weight *= divisors[at % divisors.len()]),
            }
        }
        layers
    }
}

/// The largest weight of each column, as a part of its row's largest: rows have scales of their own.
fn columns(filters: &[f32], columns: usize) -> Vec<f32> {
    let mut largest = vec![0.0f32; columns];
    for row in filters.chunks_exact(columns) {
        let most = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
        if most > 0.0 {
            let pairs = largest.iter_mut().zip(row);
            pairs.for_each(|(largest, weight)| *largest = largest.max(weight.abs() / most));
        }
    }
    largest
}

/// Divisors that leave the ranges of values and weights in the same ratio, such that values reach `most` as before. None lets
/// bytes up to `most` stand for more than `max`.
fn balanced(ranges: &[f32], weights: &[f32], most: f32, max: f32) -> Vec<f32> {
    let divisors: Vec<f32> = ranges
        .iter()
        .zip(weights)
        .map(|(range, weight)| (range / weight.max(LEAST_RANGE)).sqrt())
        .collect();
    let reached = ranges
        .iter()
        .zip(&divisors)
        .map(|(range, divisor)| range / divisor);
    let factor = reached.fold(0.0, f32::max) / most;
    divisors
        .iter()
        .map(|divisor| (divisor * factor).min(max / most))
        .collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use mbn_model::{InferenceNetwork, random_weights};
    use mbn_spec::{Alpha, Variant};

    use super::*;

    /// float32 sums of terms that are scaled.
    const ROUNDING: f32 = 1e-4;

    fn folded(activation: Activation) -> Folded {
        let architecture = Architecture {
            variant: Variant {
                activation,
                ..Variant::default()
            },
            ..Architecture::new(Alpha::Quarter, 4)
        };
        random_weights(architecture, 3, &Device::Cpu).unwrap().fold()
    }

    fn logits(folded: &Folded) -> Vec<f32> {
        let pixels: Vec<f32> = (0..2 * 3 * 48 * 48)
            .map(|i| ((i * 37) % 101) as f32 / 25.0 - 2.0)
            .collect();
        let images = Tensor::from_vec(pixels, (2, 3, 48, 48), &Device::Cpu).unwrap();
        let network = InferenceNetwork::new(folded, &Device::Cpu).unwrap();
        network
            .forward(&images)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    }

    /// Ranges of channels that differ by a factor of a thousand.
    fn ranges(folded: &Folded) -> Vec<Vec<f32>> {
        let convs = folded.architecture.convs();
        let range = |i: usize| [4.0, 0.5, 2.0, 0.004][i % 4];
        convs
            .iter()
            .map(|conv| (0..conv.out_channels).map(range).collect())
            .collect()
    }

    #[test]
    fn the_float_network_computes_the_same() {
        let folded = folded(Activation::Relu);
        let equalisation = Equalisation::new(&folded, &ranges(&folded));
        assert!(
            equalisation
                .divisors
                .iter()
                .flatten()
                .any(|divisor| *divisor < 0.2)
        );
        let mut layers = equalisation.apply(&folded);
        let classifier = layers.pop().unwrap();
        let equalised = Folded {
            convs: layers,
            fc_weight: classifier.weight,
            fc_bias: classifier.bias,
            ..folded.clone()
        };
        assert_ne!(equalised, folded);
        for (found, expected) in logits(&equalised).iter().zip(logits(&folded)) {
            assert!(
                (found - expected).abs() <= ROUNDING * expected.abs().max(1.0),
                "{found}, {expected}"
            );
        }
    }

    #[test]
    fn before_a_depthwise_convolution_every_channel_reaches_the_same() {
        let folded = folded(Activation::Relu);
        let ranges = ranges(&folded);
        let divisors = &Equalisation::new(&folded, &ranges).divisors;
        let reached: Vec<f32> = ranges[2]
            .iter()
            .zip(&divisors[2])
            .map(|(range, divisor)| range / divisor)
            .collect();
        assert_eq!(reached[..3], [4.0, 4.0, 4.0]);
        // A channel that was hardly used keeps room.
        assert!(reached[3] < 4.0 / 16.0, "{}", reached[3]);
    }

    /// With ReLU6, no divisor lets a byte stand for more than 6; and beside a float layer nothing is scaled.
    #[test]
    fn relu6_is_scaled_only_where_bytes_end_in_time() {
        let folded = folded(Activation::Relu6);
        let ranges = ranges(&folded);
        let equalisation = Equalisation::new(&folded, &ranges);
        for (divisors, ranges) in equalisation.divisors.iter().zip(&ranges) {
            let reached = ranges
                .iter()
                .zip(divisors)
                .map(|(range, divisor)| range / divisor);
            let most = reached.fold(0.0, f32::max);
            assert!(divisors.iter().all(|divisor| divisor * most <= 6.0 * 1.000_01));
        }
        let valid = equalisation.valid_with(&folded.architecture, LayerSet::NONE.with(2));
        assert!(valid.divisors[2].iter().all(|divisor| *divisor == 1.0));
        assert_eq!(valid.divisors[3], equalisation.divisors[3]);
        let relu = Architecture::new(Alpha::Quarter, 4);
        assert_eq!(equalisation.valid_with(&relu, LayerSet::first(28)), equalisation);
    }
}
