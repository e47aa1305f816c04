//! A small network on pictures of noise.

use std::ops::Range;

use mbn_model::random_weights;
use mbn_spec::{Alpha, Architecture, Metadata, Variant};

use super::*;
use crate::pictures::BATCH;
use crate::{Agreement, Cost, keep_costliest, sensitivity};

const SIZE: usize = 32;

/// Blocks of colour, another for each picture.
struct Noise(usize);

impl Pictures for Noise {
    fn len(&self) -> usize {
        self.0
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        noise(pictures, SIZE)
    }
}

fn noise(pictures: Range<usize>, size: usize) -> Vec<f32> {
    let value = move |i: usize, at: usize| {
        let (c, y, x) = (at / (size * size), at / size % size, at % size);
        let block = (i * 7919 + c * 104_729 + (y / 8) * 1_299_709 + (x / 8) * 15_485_863) % 251;
        (block as f32 + ((at * 31) % 13) as f32) / 60.0 - 2.0
    };
    pictures
        .flat_map(|i| (0..3 * size * size).map(move |at| value(i, at)))
        .collect()
}

/// Noise of twice the size, of which the last convolution leaves four pixels.
struct Large;

impl Pictures for Large {
    fn len(&self) -> usize {
        LEAST
    }

    fn size(&self) -> usize {
        2 * SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        noise(pictures, self.size())
    }
}

fn weights(activation: Activation) -> Weights {
    let architecture = Architecture {
        variant: Variant {
            activation,
            ..Variant::default()
        },
        ..Architecture::new(Alpha::Quarter, 5)
    };
    random_weights(architecture, 9, &Device::Cpu).unwrap()
}

/// Logits on bytes are off by this part of the float logits at most, in square: random weights, the worst case.
const ERROR: f64 = 0.05;

#[test]
fn corrected_biases_bring_the_logits_closer() {
    let pictures = Noise(LEAST);
    for activation in [Activation::Relu, Activation::Relu6] {
        let calibration = Calibration::measure(&weights(activation), &pictures).unwrap();
        let mut images = Vec::new();
        for (_, batch) in batches(&pictures, LEAST) {
            images.push(batch.unwrap());
        }
        let mean_error = |quantized: &Quantized| {
            let network = mbn_model::QuantizedNetwork::new(quantized.clone()).unwrap();
            let mut found = Vec::new();
            for images in &images {
                found.extend(
                    network
                        .forward(images)
                        .unwrap()
                        .flatten_all()
                        .unwrap()
                        .to_vec1::<f32>()
                        .unwrap(),
                );
            }
            let sums = (0..5).map(|class| {
                let pairs = found.iter().zip(&calibration.logits).skip(class).step_by(5);
                pairs.map(|(a, b)| f64::from(a - b)).sum::<f64>().abs()
            });
            (
                sums.sum::<f64>() / LEAST as f64,
                Agreement::of(&found, &calibration.logits, 5),
            )
        };
        for method in Method::ALL {
            let rounded = calibration.rounded(method, LayerSet::NONE);
            let (corrected, agreement) = calibration.quantise(method, LayerSet::NONE).unwrap();
            let (before, _) = mean_error(&rounded);
            let (after, found) = mean_error(&corrected);
            assert_eq!(found, agreement, "{activation} {method}");
            assert!(
                after < before / 4.0,
                "{activation} {method}: {after} after {before}"
            );
            if method == Method::Mse {
                assert!(agreement.relative_error < ERROR, "{activation} {agreement:?}");
            }
            let equal = |(a, b): (&QuantizedLayer, &QuantizedLayer)| match (a, b) {
                (QuantizedLayer::Bytes(a), QuantizedLayer::Bytes(b)) => a.scales == b.scales,
                _ => false,
            };
            assert!(rounded.layers.iter().zip(&corrected.layers).all(equal));
        }
        // With ReLU6, what the bytes after a layer stand for ends at 6.
        if activation == Activation::Relu6 {
            let quantized = calibration.rounded(Method::MinMax, LayerSet::NONE);
            for (scale, divisors) in quantized.scales.iter().zip(&calibration.equalisation.divisors) {
                let most = divisors.iter().copied().fold(0.0, f32::max);
                assert!(255.0 * scale * most <= 6.001, "{scale} {most}");
            }
        }
    }
}

/// The channels that the classifier reads are scaled, unless they are an output of their own.
#[test]
fn features_that_are_an_output_are_the_float_networks() {
    let pictures = Noise(LEAST);
    for activation in [Activation::Relu, Activation::Relu6] {
        let weights = weights(activation);
        let mut float = Network::from_weights(&weights, &Device::Cpu).unwrap();
        let (_, images) = batches(&pictures, LEAST).next().unwrap();
        let images = images.unwrap();
        let expected = float.observe(&images, &mut |_, _| {}).unwrap().features;
        // All layers but the classifier in float32, so that nothing but the scaling parts them.
        let distance = |calibration: Calibration<'_>| {
            let (quantized, _) = calibration.quantise(Method::Mse, LayerSet::first(27)).unwrap();
            let network = mbn_model::QuantizedNetwork::new(quantized).unwrap();
            let mut values = network.input(&images).unwrap();
            for layer in 0..27 {
                let sums = network.convolve(layer, &values).unwrap();
                values = network.finish(layer, sums).unwrap();
            }
            let found = network.features(&values).unwrap().flatten_all().unwrap();
            let pairs = found.to_vec1::<f32>().unwrap().into_iter().zip(&expected);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let kept = distance(Calibration::measure_for_features(&weights, &pictures).unwrap());
        assert!(kept < 1e-4, "{activation}: {kept}");
        if activation == Activation::Relu {
            let scaled = distance(Calibration::measure(&weights, &pictures).unwrap());
            assert!(scaled > 0.1, "{scaled}");
        }
    }
}

/// The classifier's input keeps the whole range of the last convolution's channels, scaled or, with ReLU6 in float32, as they are.
#[test]
fn the_classifiers_bytes_reach_the_largest_feature() {
    for activation in [Activation::Relu, Activation::Relu6] {
        let weights = weights(activation);
        let calibration = Calibration::measure(&weights, &Large).unwrap();
        for float in [LayerSet::NONE, LayerSet::NONE.with(26), LayerSet::first(27)] {
            let quantized = calibration.rounded(Method::MinMax, float);
            let layers = calibration
                .equalisation
                .valid_with(&weights.fold().architecture, float);
            let divisors = layers.divisors.last().unwrap();
            let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
            let mut largest = 0.0f32;
            for (_, images) in batches(&Large, LEAST) {
                let features = network
                    .observe(&images.unwrap(), &mut |_, _| {})
                    .unwrap()
                    .features;
                let scaled = features
                    .iter()
                    .zip(divisors.iter().cycle())
                    .map(|(value, divisor)| value / divisor);
                largest = scaled.fold(largest, f32::max);
            }
            let end = 255.0 * quantized.features;
            assert!(
                (end - largest).abs() < 1e-5 * largest,
                "{activation} {float:?}: {end}, {largest}"
            );
        }
    }
}

/// Black pictures, and noise after those whose means are measured.
struct Late;

impl Pictures for Late {
    fn len(&self) -> usize {
        CORRECTED + BATCH
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        match pictures.start < CORRECTED {
            true => vec![0.0; pictures.len() * 3 * SIZE * SIZE],
            false => Noise(self.len()).batch(pictures),
        }
    }
}

/// ReLU6 makes 6 of infinity, and 0 of what is not a number.
#[test]
fn values_that_are_not_finite_are_found_in_any_picture() {
    for activation in [Activation::Relu, Activation::Relu6] {
        let sound = weights(activation);
        // A sum of two products of this size is infinite.
        let values = |spec: &mbn_spec::TensorSpec| {
            let mut values = sound.values(&spec.name).to_vec();
            if spec.name == "model.0.0.weight" {
                values[..27].fill(0.0);
                values[13] = 1.6e38;
                values[4] = 1.6e38;
            }
            values
        };
        let broken = Weights::from_fns(*sound.architecture(), Metadata::default(), values, |_| 1).unwrap();
        let Some(error) = Calibration::measure(&broken, &Late).err() else {
            panic!("{activation}: no error");
        };
        assert!(matches!(error, QuantError::Value { .. }), "{activation}: {error}");
    }
}

#[test]
fn a_network_whose_layers_all_stay_float_is_the_float_network() {
    let pictures = Noise(LEAST);
    for activation in [Activation::Relu, Activation::Relu6] {
        let calibration = Calibration::measure(&weights(activation), &pictures).unwrap();
        let (quantized, agreement) = calibration.quantise(Method::Mse, LayerSet::first(28)).unwrap();
        assert_eq!(quantized.float_layers(), LayerSet::first(28));
        assert!(
            agreement.relative_error < 1e-8 && agreement.same_class == LEAST,
            "{agreement:?}"
        );
    }
}

#[test]
fn the_costliest_layers_stay_float() {
    let pictures = Noise(LEAST);
    let calibration = Calibration::measure(&weights(Activation::Relu), &pictures).unwrap();
    let mut heard = 0;
    let costs = sensitivity(&calibration, Method::Mse, |_| heard += 1).unwrap();
    assert_eq!((heard, costs.len()), (28, 28));
    assert_eq!((costs[0].name.as_str(), costs[27].name.as_str()), ("stem", "fc"));
    // One layer alone costs less than all.
    let (_, all) = calibration.quantise(Method::Mse, LayerSet::NONE).unwrap();
    let sum: f64 = costs.iter().map(|cost| cost.agreement.relative_error).sum();
    assert!(costs.iter().all(|cost| cost.agreement.relative_error < sum));
    let mut tried = Vec::new();
    let (kept, agreement) = keep_costliest(
        &calibration,
        Method::Mse,
        &costs,
        LayerSet::NONE.with(5),
        |cost, before| {
            assert!(before.agrees() < crate::AGREES);
            tried.push(cost.layer);
        },
    )
    .unwrap();
    assert!(tried.iter().all(|&layer| kept.float_layers().contains(layer)));
    // It does not stand alone.
    let float = kept.float_layers();
    assert!(float.contains(5) && (float.contains(4) || float.contains(6)));
    // Errors of other layers that cancelled may do so no more, so that it need not be below that of all layers on bytes.
    assert!(
        agreement.agrees() >= crate::AGREES && agreement.relative_error < ERROR,
        "{agreement:?}, all on bytes {all:?}"
    );
    let costliest = |cost: &Cost| cost.agreement.relative_error;
    let most = costs
        .iter()
        .max_by(|a, b| costliest(a).total_cmp(&costliest(b)))
        .unwrap();
    assert!(kept.float_layers().len() == 2 || kept.float_layers().contains(most.layer));
}

#[test]
fn weights_and_pictures_that_cannot_be_used_are_named() {
    let sound = weights(Activation::Relu);
    let error = |weights: &Weights, n: usize| Calibration::measure(weights, &Noise(n)).err().unwrap();
    assert!(matches!(error(&sound, 99), QuantError::TooFew { found: 99 }));
    for value in [f32::NAN, f32::INFINITY] {
        let values = |spec: &mbn_spec::TensorSpec| {
            let mut values = sound.values(&spec.name).to_vec();
            if spec.name == "model.3.3.weight" {
                values[7] = value;
            }
            values
        };
        let broken = Weights::from_fns(*sound.architecture(), Metadata::default(), values, |_| 1).unwrap();
        let message = error(&broken, LEAST).to_string();
        assert!(message.contains("`model.3.3.weight`"), "{message}");
    }
}

#[test]
fn the_input_holds_every_normalised_byte() {
    for preprocess in [
        Preprocess::default(),
        Preprocess {
            mean: [0.5; 3],
            std: [0.5; 3],
            ..Preprocess::default()
        },
        Preprocess {
            mean: [0.0; 3],
            std: [1.0; 3],
            ..Preprocess::default()
        },
    ] {
        let ByteScale { scale, zero_point } = input_scale(&preprocess);
        for (c, byte) in (0..3).flat_map(|c| [0.0f32, 255.0].map(|byte| (c, byte))) {
            let (factor, offset) = preprocess.affine(c);
            let value = byte * factor + offset;
            let steps = (value / scale).round() + f32::from(zero_point);
            assert!((-1.0..=256.0).contains(&steps), "{steps}");
        }
    }
    let zero_one = input_scale(&Preprocess {
        mean: [0.0; 3],
        std: [1.0; 3],
        ..Preprocess::default()
    });
    assert_eq!((zero_one.zero_point, zero_one.scale), (0, 1.0 / 255.0));
}

/// Normalising in float32 may round either way, which must not decide about the byte.
#[test]
fn no_normalised_byte_is_between_two_steps() {
    for value in [0.4f32, 0.449, 0.5, 0.501, 0.6] {
        for std in [0.2f32, 0.25, 0.5, 1.0] {
            let preprocess = Preprocess {
                mean: [value; 3],
                std: [std; 3],
                ..Preprocess::default()
            };
            let ByteScale { scale, zero_point } = input_scale(&preprocess);
            let (factor, offset) = preprocess.affine(0);
            let halfway = |byte: &u8| {
                let steps = (f32::from(*byte) * factor + offset) / scale;
                ((steps - steps.floor()) - 0.5).abs() < 1e-3
            };
            let count = (0..=255u8).filter(halfway).count();
            assert!(
                count < 4,
                "{value} {std}: {count} of 256 bytes, {scale} {zero_point}"
            );
            // Zero and both ends are held.
            for byte in [0.0f32, 255.0] {
                let steps = (byte * factor + offset) / scale + f32::from(zero_point);
                assert!((-0.01..=255.01).contains(&steps), "{value} {std}: {steps}");
            }
        }
    }
}

/// Noise times a number, but for one value: bytes would saturate in silence where the number is not 1.
struct Scaled {
    factor: f32,
    /// The picture whose first value is replaced, and by what.
    odd: Option<(usize, f32)>,
}

impl Pictures for Scaled {
    fn len(&self) -> usize {
        LEAST
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        let mut values = Noise(LEAST).batch(pictures.clone());
        values.iter_mut().for_each(|value| *value *= self.factor);
        if let Some((picture, value)) = self.odd
            && pictures.contains(&picture)
        {
            values[(picture - pictures.start) * 3 * SIZE * SIZE] = value;
        }
        values
    }
}

#[test]
fn pictures_that_are_normalised_otherwise_are_refused() {
    let with = |preprocess: Option<Preprocess>| {
        let weights = weights(Activation::Relu);
        let metadata = Metadata {
            preprocess,
            ..weights.metadata().clone()
        };
        weights.with_metadata(metadata).unwrap()
    };
    let half = Preprocess {
        mean: [0.5; 3],
        std: [0.5; 3],
        ..Preprocess::default()
    };
    // Values from -2 to 2.4 are ImageNet's, which weights without metadata expect; from -1 to 1.2 are too many for -1 to 1.
    let refused =
        |preprocess, factor, odd| match Calibration::measure(&with(preprocess), &Scaled { factor, odd }) {
            Err(QuantError::Picture { picture, value, .. }) => Some((picture, value)),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        };
    assert_eq!(refused(None, 1.0, None), None);
    assert_eq!(refused(Some(half), 0.4, None), None);
    assert!(
        refused(None, 255.0, None).is_some(),
        "bytes that are not normalised"
    );
    assert!(refused(Some(half), 1.0, None).is_some());
    // In any picture, on either side, and not by less than half a step.
    for (picture, value) in [(0, 1.01), (17, -1.01), (LEAST - 1, 9.0)] {
        assert_eq!(
            refused(Some(half), 0.4, Some((picture, value))),
            Some((picture, value))
        );
    }
    assert_eq!(refused(Some(half), 0.4, Some((5, 1.003))), None);
    assert!(refused(None, 1.0, Some((3, f32::NAN))).is_some_and(|(picture, _)| picture == 3));
}
