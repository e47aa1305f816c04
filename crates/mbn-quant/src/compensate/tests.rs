//! Coordinate descent beside every combination of integers, and covariances beside loops.

use candle_core::{Device, Tensor};
use mbn_spec::{Alpha, Architecture, LayerSet};
use proptest::prelude::*;

use super::*;
use crate::rounding;

/// `e' H e`
fn objective(target: &[f64], steps: &[i8], covariances: &[f64]) -> f64 {
    let errors: Vec<f64> = steps
        .iter()
        .zip(target)
        .map(|(step, target)| f64::from(*step) - target)
        .collect();
    let rows = covariances.chunks_exact(errors.len()).zip(&errors);
    rows.map(|(row, error)| error * row.iter().zip(&errors).map(|(h, e)| h * e).sum::<f64>())
        .sum()
}

/// Covariances of `samples`, which are what a filter met.
fn covariances(samples: &[Vec<f64>], len: usize) -> Vec<f64> {
    let count = samples.len() as f64;
    let mut all = Covariances {
        matrices: vec![0.0; len * len],
        values: len,
    };
    let mut sums = vec![0.0; len];
    for sample in samples {
        for i in 0..len {
            sums[i] += sample[i];
            (0..len).for_each(|j| all.matrices[i * len + j] += sample[i] * sample[j]);
        }
    }
    all.centre(&sums, count);
    all.matrices
}

fn nearest(target: &[f64]) -> Vec<i8> {
    target.iter().map(|value| value.round_ties_even() as i8).collect()
}

proptest! {
    /// No single weight can be changed for the better afterwards, and nothing got worse.
    #[test]
    fn no_weight_can_be_bettered(
        target in prop::collection::vec(-64.0f64..64.0, 6),
        samples in prop::collection::vec(prop::collection::vec(0.0f64..255.0, 6), 4..40),
    ) {
        let covariances = covariances(&samples, 6);
        let start = nearest(&target);
        let mut steps = start.clone();
        descend(&target, &mut steps, &covariances);
        let found = objective(&target, &steps, &covariances);
        // Sums in another order differ in their last digits.
        let rounding = 1e-9 * (1.0 + objective(&target, &start, &covariances));
        prop_assert!(found <= objective(&target, &start, &covariances) + rounding);
        for i in 0..6 {
            for step in -64..=64 {
                let mut other = steps.clone();
                other[i] = step;
                prop_assert!(found <= objective(&target, &other, &covariances) + rounding, "weight {i} as {step}");
            }
        }
        prop_assert!(steps.iter().all(|step| step.unsigned_abs() <= 64));
    }

    /// What filters meet that is alike lets errors cancel; what is independent leaves the nearest integers.
    #[test]
    fn only_what_is_alike_cancels(target in prop::collection::vec(-60.0f64..60.0, 5)) {
        let independent: Vec<f64> = (0..25).map(|i| f64::from(u8::from(i % 6 == 0))).collect();
        let mut steps = nearest(&target);
        descend(&target, &mut steps, &independent);
        prop_assert_eq!(&steps, &nearest(&target));
        // Five copies of one value: only the sum of the weights counts, to half a step.
        let alike: Vec<f64> = (0..25).map(|i| 1.0 + 1e-6 * f64::from(u8::from(i % 6 == 0))).collect();
        descend(&target, &mut steps, &alike);
        let error: f64 = steps.iter().zip(&target).map(|(step, target)| f64::from(*step) - target).sum();
        prop_assert!(error.abs() <= 0.5001, "{error}");
    }
}

/// A value that never changes moves no weight: its mean is the bias's business.
#[test]
fn constants_do_not_count() {
    let samples: Vec<Vec<f64>> = (0..50).map(|i| vec![200.0, f64::from(i % 7)]).collect();
    let covariances = covariances(&samples, 2);
    assert!(
        covariances[0] < 0.02 * covariances[3] && covariances[1].abs() < 1e-9,
        "{covariances:?}"
    );
    let mut nothing = Covariances {
        matrices: vec![0.0; 4],
        values: 2,
    };
    nothing.centre(&[0.0, 0.0], 10.0);
    let mut steps = [3, -4];
    descend(&[3.4, -4.4], &mut steps, &nothing.matrices);
    assert_eq!(steps, [3, -4]);
}

#[test]
fn chosen_pixels_are_in_order_and_meet_every_column() {
    assert_eq!(spread(5, 9), [0, 1, 2, 3, 4]);
    for (all, want) in [(16 * 112 * 112, 1024), (3136, 16), (49, 7)] {
        let chosen = spread(all, want);
        assert_eq!(chosen.len(), want);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]) && chosen[want - 1] < all);
    }
    let columns: std::collections::BTreeSet<usize> =
        spread(16 * 112 * 112, 1024).iter().map(|i| i % 112).collect();
    assert!(columns.len() > 100, "{}", columns.len());
}

/// Part of the error that is left of a random layer at most: its inputs are hardly alike.
const IMPROVED: f64 = 0.9;

/// The error of a whole layer's output on the pictures themselves, beside the nearest integers.
#[test]
fn a_layer_on_bytes_comes_closer() {
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let weights = mbn_model::random_weights(architecture, 5, &Device::Cpu).unwrap();
    let images: Vec<f32> = (0..4 * 3 * 32 * 32)
        .map(|i| ((i / 8 * 7919) % 251) as f32 / 60.0 - 2.0)
        .collect();
    let images = Tensor::from_vec(images, (4, 3, 32, 32), &Device::Cpu).unwrap();
    let pictures = Ramps(images);
    let calibration = crate::Calibration::measure(&weights, &pictures).unwrap();
    let layers = calibration.equalisation.apply(&calibration.folded);
    let mut network = QuantizedNetwork::new(calibration.rounded(crate::Method::Mse, LayerSet::NONE)).unwrap();
    let mut values = vec![(4, network.input(&pictures.0).unwrap())];
    for (layer, float) in layers.iter().enumerate().take(5) {
        let mbn_weights::QuantizedLayer::Bytes(own) = network.weights().layers[layer].clone() else {
            unreachable!()
        };
        assert_eq!(own, rounding::bytes(float, network.weights().scale_before(layer)));
        let covariances = Covariances::measure(&network, layer, &values).unwrap();
        let steps = compensated(&float.weight, &own, &covariances);
        let patches = network
            .patches(layer, &values[0].1, |all| (0..all).collect())
            .unwrap();
        let len = patches.dims3().unwrap().2;
        let patches = patches.to_vec3::<f32>().unwrap();
        // Variance of the errors of the sums, in steps.
        let error = |steps: &[i8]| -> f64 {
            let filters = steps.chunks_exact(len).zip(float.weight.chunks_exact(len));
            let errors = filters
                .zip(&own.scales)
                .enumerate()
                .map(|(filter, ((steps, float), scale))| {
                    let rows = &patches[if patches.len() == 1 { 0 } else { filter }];
                    let sums: Vec<f64> = rows
                        .iter()
                        .map(|row| {
                            let terms = row.iter().zip(steps.iter().zip(float));
                            terms
                                .map(|(x, (step, w))| {
                                    f64::from(*x) * (f64::from(*step) - f64::from(*w / scale))
                                })
                                .sum()
                        })
                        .collect();
                    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
                    sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>()
                });
            errors.sum()
        };
        let (before, after) = (error(&own.weight), error(&steps));
        assert!(after < IMPROVED * before, "layer {layer}: {after} after {before}");
        network.set_weight(layer, steps).unwrap();
        for (_, values) in &mut values {
            let sums = network.convolve(layer, values).unwrap();
            *values = network.finish(layer, sums).unwrap();
        }
    }
}

/// Four pictures, many times.
struct Ramps(Tensor);

impl crate::Pictures for Ramps {
    fn len(&self) -> usize {
        crate::LEAST
    }

    fn size(&self) -> usize {
        32
    }

    fn batch(&self, pictures: std::ops::Range<usize>) -> Vec<f32> {
        let all = self.0.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let len = 3 * 32 * 32;
        pictures
            .flat_map(|i| all[i % 4 * len..][..len].to_vec())
            .collect()
    }
}
