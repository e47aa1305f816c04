//! What the calibration pictures show of a network, and the quantised networks that follow from it.

use candle_core::{Device, Tensor};
use mbn_model::Network;
use mbn_spec::{Activation, LayerSet, Preprocess};
use mbn_weights::{ByteScale, Folded, FoldedConv, Quantized, QuantizedLayer, Weights, keeps_bytes};

use crate::channels::largest_and_sums;
use crate::equalise::Equalisation;
use crate::histogram::Histogram;
use crate::pictures::{LEAST, batches};
use crate::{Method, Pictures, QuantError, rounding};

/// Pictures on which means are measured and corrected: their values are kept in memory, layer by layer.
const CORRECTED: usize = 256;
/// Bytes that these values may take.
const MEMORY: usize = 512 << 20;

/// What the pictures show of a network.
pub struct Calibration<'a> {
    pub(crate) pictures: &'a dyn Pictures,
    pub(crate) folded: Folded,
    input: ByteScale,
    pub(crate) equalisation: Equalisation,
    /// After each convolution, of the scaled values and of the values themselves.
    histograms: Vec<[Histogram; 2]>,
    /// Largest mean over rows and columns of the last convolution's values, the classifier's input: scaled, and as they are.
    features: [f32; 2],
    /// Means of each convolution's channels before the activation, over the first `corrected` pictures.
    pub(crate) means: Vec<Vec<f64>>,
    pub(crate) corrected: usize,
    /// `[corrected, classes]`
    pub(crate) logits: Vec<f32>,
}

impl<'a> Calibration<'a> {
    /// Runs the pictures through candle.
    ///
    /// # Errors
    /// There are fewer than [`LEAST`] pictures, one of them has a value outside of what the weights' preprocessing gives, or a
    /// weight or a value is not a finite number.
    pub fn measure(weights: &Weights, pictures: &'a dyn Pictures) -> Result<Self, QuantError> {
        Self::with(weights, pictures, false)
    }

    /// As [`Calibration::measure`], for a network whose pooled features are an output too: the channels after the last convolution
    /// are not scaled, so that the features are the float network's but for rounding.
    ///
    /// # Errors
    /// As [`Calibration::measure`].
    pub fn measure_for_features(weights: &Weights, pictures: &'a dyn Pictures) -> Result<Self, QuantError> {
        Self::with(weights, pictures, true)
    }

    fn with(weights: &Weights, pictures: &'a dyn Pictures, keep_features: bool) -> Result<Self, QuantError> {
        let n = pictures.len();
        if n < LEAST {
            return Err(QuantError::TooFew { found: n });
        }
        let folded = weights.fold();
        require_finite(&folded)?;
        let architecture = folded.architecture;
        let convs = architecture.convs();
        let max = architecture.variant.activation.max();
        let preprocess = weights.metadata().preprocess.unwrap_or_default();
        let corrected = corrected(n, pictures.size(), convs[0].out_channels * 2);
        let mut network = Network::from_weights(weights, &Device::Cpu)?;

        let mut largest: Vec<Vec<f32>> = convs.iter().map(|conv| vec![0.0; conv.out_channels]).collect();
        let mut means: Vec<Vec<f64>> = convs.iter().map(|conv| vec![0.0; conv.out_channels]).collect();
        let mut logits = Vec::new();
        let mut bad = None;
        // The first ones by themselves, so that means are theirs.
        for (range, images) in batches(pictures, n) {
            let inside = corrected.saturating_sub(range.start).min(range.len());
            let images = images?;
            require_normalised(&images, range.start, &preprocess)?;
            let found = network.observe(&images, &mut |i, values| {
                let channels = convs[i].out_channels;
                let picture = values.len() / range.len();
                let (first, rest) = values.split_at(inside * picture);
                let pixels = (picture / channels * corrected) as f64;
                for (part, counts) in [(first, true), (rest, false)] {
                    let (most, sums) = largest_and_sums(part, channels);
                    // Before ReLU6 makes them 6.
                    if most.contains(&f32::INFINITY) {
                        bad.get_or_insert(i);
                    }
                    largest[i]
                        .iter_mut()
                        .zip(most)
                        .for_each(|(a, b)| *a = a.max(b.min(max)));
                    if counts {
                        means[i]
                            .iter_mut()
                            .zip(sums)
                            .for_each(|(mean, sum)| *mean += sum / pixels);
                    }
                }
            })?;
            logits.extend(&found.logits[..inside * architecture.classes]);
        }
        if let Some(i) = bad {
            return Err(QuantError::Value {
                layer: convs[i].name(),
            });
        }

        let equalisation = match Equalisation::new(&folded, &largest) {
            all if keep_features => all.without_last(),
            all => all,
        };
        let mut histograms: Vec<[Histogram; 2]> = largest
            .iter()
            .zip(&equalisation.divisors)
            .map(|(largest, divisors)| {
                let scaled = largest
                    .iter()
                    .zip(divisors)
                    .map(|(value, divisor)| value / divisor);
                [
                    Histogram::new(scaled.fold(0.0, f32::max)),
                    Histogram::new(largest.iter().copied().fold(0.0, f32::max)),
                ]
            })
            .collect();
        let relu6 = architecture.variant.activation == Activation::Relu6;
        let mut features = [0.0f32; 2];
        for (_, images) in batches(pictures, n) {
            let found = network.observe(&images?, &mut |i, values| {
                let [scaled, plain] = &mut histograms[i];
                scaled.add(values, &equalisation.divisors[i]);
                if relu6 {
                    plain.add(values, &vec![1.0; convs[i].out_channels]);
                }
            })?;
            let divisors = equalisation.divisors.last().into_iter().flatten().cycle();
            for (value, divisor) in found.features.iter().zip(divisors) {
                features = [features[0].max(value / divisor), features[1].max(*value)];
            }
        }
        Ok(Self {
            pictures,
            input: input_scale(&preprocess),
            folded,
            equalisation,
            histograms,
            features,
            means,
            corrected,
            logits,
        })
    }

    /// The network with the layers in `float` in float32 and all others on bytes, before its biases are corrected.
    pub(crate) fn rounded(&self, method: Method, float: LayerSet) -> Quantized {
        let architecture = self.folded.architecture;
        let equalisation = self.equalisation.valid_with(&architecture, float);
        let layers = equalisation.apply(&self.folded);
        let relu6 = architecture.variant.activation == Activation::Relu6;
        let scales: Vec<f32> = self
            .histograms
            .iter()
            .enumerate()
            .map(|(i, [scaled, plain])| {
                let is_plain = relu6 && float.contains(i);
                // Where no byte is, the scale is no matter.
                match keeps_bytes(&architecture, float, i) {
                    true => method.range(if is_plain { plain } else { scaled }) / 255.0,
                    false => 1.0,
                }
            })
            .collect();
        let last = layers.len() - 1;
        let [scaled, plain] = self.features;
        // As `valid_with` has it: ReLU6 in float32 takes no scaled channels.
        let largest = match relu6 && float.contains(last - 1) {
            true => plain,
            false => scaled,
        };
        let features = match largest > 0.0 && !float.contains(last) {
            true => largest / 255.0,
            false => 1.0,
        };
        let input = match float.contains(0) {
            true => ByteScale {
                scale: 1.0,
                zero_point: 0,
            },
            false => self.input,
        };
        let layer = |(i, conv): (usize, FoldedConv)| match (float.contains(i), i) {
            (true, _) => QuantizedLayer::Float(conv),
            (false, 0) => QuantizedLayer::Bytes(rounding::bytes(&conv, self.input.scale)),
            (false, i) if i == last => QuantizedLayer::Bytes(rounding::bytes(&conv, features)),
            (false, i) => QuantizedLayer::Bytes(rounding::bytes(&conv, scales[i - 1])),
        };
        Quantized {
            architecture,
            input,
            layers: layers.into_iter().enumerate().map(layer).collect(),
            scales,
            features,
        }
    }
}

/// Pictures whose values fit into memory: those of the widest layer as bytes, twice.
fn corrected(pictures: usize, size: usize, channels: usize) -> usize {
    let widest = (size.div_ceil(2)).pow(2) * channels;
    pictures
        .min(CORRECTED)
        .min((MEMORY / (2 * widest).max(1)).max(LEAST / 4))
}

/// The three channels' common range once their bytes are normalised, with 0, which bytes have to stand for.
fn input_range(preprocess: &Preprocess) -> (f32, f32) {
    let ends = (0..3).flat_map(|c| {
        let (scale, offset) = preprocess.affine(c);
        [offset, 255.0 * scale + offset]
    });
    ends.fold((0.0f32, 0.0f32), |(low, high), end| (low.min(end), high.max(end)))
}

/// Refuses values that the bytes of [`input_scale`] would saturate: the pictures, `[n, 3, size, size]`, of which the first has the
/// number `start`, were normalised otherwise.
fn require_normalised(images: &Tensor, start: usize, preprocess: &Preprocess) -> Result<(), QuantError> {
    let (low, high) = input_range(preprocess);
    // Whoever normalises may round otherwise.
    let margin = 0.5 * (high - low) / 255.0;
    let (least, most) = (low - margin, high + margin);
    for (i, picture) in images.flatten_from(1)?.to_vec2::<f32>()?.into_iter().enumerate() {
        // A value that is not a number is not inside either.
        if let Some(value) = picture.into_iter().find(|value| !(least..=most).contains(value)) {
            return Err(QuantError::Picture {
                picture: start + i,
                value,
                low,
                high,
            });
        }
    }
    Ok(())
}

/// Normalised bytes from 0 to 255, in the three channels' common range.
fn input_scale(preprocess: &Preprocess) -> ByteScale {
    let (low, high) = input_range(preprocess);
    let scale = (high - low) / 255.0;
    let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0);
    let [(first, _), others @ ..] = [0, 1, 2].map(|c| (preprocess.affine(c), c));
    let are_alike = others.iter().all(|(other, _)| *other == first);
    // Channels that are normalised alike have a byte at each step. With zero between two of them, all are halfway, and whoever
    // normalises with another rounding gets other bytes: the steps are made larger until zero is one.
    let scale = match are_alike && zero > 0.0 && zero < 255.0 {
        true => (-low / zero).max(high / (255.0 - zero)),
        false => scale,
    };
    ByteScale {
        scale,
        zero_point: zero as u8,
    }
}

fn require_finite(folded: &Folded) -> Result<(), QuantError> {
    let names = folded
        .architecture
        .convs()
        .into_iter()
        .map(|conv| conv.conv_name());
    let convs = names
        .zip(&folded.convs)
        .map(|(name, conv)| (name, &conv.weight, &conv.bias));
    let classifier = ("fc".to_owned(), &folded.fc_weight, &folded.fc_bias);
    for (name, weight, bias) in convs.chain([classifier]) {
        for (part, values) in [("weight", weight), ("bias", bias)] {
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(QuantError::Weight {
                    tensor: format!("{name}.{part}"),
                    value,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
