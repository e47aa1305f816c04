//! What a batch should be classified as, beyond its labels: mixed images, smoothed labels, classes of different weights.

use mbn_data::Batch;
use mbn_model::relative_weights;

/// The target probabilities, `[n, classes]`, if they do not follow from labels and smoothing. With weights of the classes, each row
/// sums to its image's weight in the loss, and the rows' weights have a mean of 1.
pub(super) fn targets(
    batch: &Batch,
    classes: usize,
    smoothing: f32,
    class_weights: Option<&[f32]>,
) -> Option<Vec<f32>> {
    match class_weights {
        None => batch.mixed.map(|_| batch.targets(classes, smoothing)),
        Some(weights) => {
            let relative = relative_weights(weights, &batch.weights(weights));
            Some(batch.weighted_targets(classes, smoothing, &relative))
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use mbn_model::soft_cross_entropy;

    use super::*;

    const CLASSES: usize = 4;

    fn batch(labels: &[u32], mixed: Option<f32>) -> Batch {
        Batch {
            labels: labels.to_vec(),
            mixed,
            ..Batch::default()
        }
    }

    /// The loss and its gradient in float64: each label of an image is a target of its own, smoothed, whose cross entropy counts by the
    /// label's share and the weight of its class; all of it is divided by the sum of what counts.
    fn plain_loop(batch: &Batch, smoothing: f64, weights: &[f32], logits: &[Vec<f64>]) -> (f64, Vec<f64>) {
        let (mut loss, mut total) = (0.0, 0.0);
        let mut gradient = vec![0.0; logits.len() * CLASSES];
        let own = f64::from(batch.mixed.unwrap_or(1.0));
        let n = batch.labels.len();
        for (image, row) in logits.iter().enumerate() {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            for (label, share) in [
                (batch.labels[image], own),
                (batch.labels[n - 1 - image], 1.0 - own),
            ] {
                let counts = share * f64::from(weights[label as usize]);
                total += counts;
                for (class, logit) in row.iter().enumerate() {
                    let is_label = if class == label as usize { 1.0 } else { 0.0 };
                    let target = (1.0 - smoothing) * is_label + smoothing / CLASSES as f64;
                    let probability = logit.exp() / sum;
                    loss -= counts * target * probability.ln();
                    gradient[image * CLASSES + class] += counts * (probability - target);
                }
            }
        }
        (loss / total, gradient.iter().map(|value| value / total).collect())
    }

    #[test]
    fn the_loss_of_weighted_and_mixed_images_is_a_plain_loop() {
        // Each sum is of a few float32 values of at most about 4.
        const TOLERANCE: f64 = 2e-6;
        // A common class and rare ones.
        let balanced = [0.35, 4.0, 2.5, 1.0];
        for (labels, mixed) in [
            (&[0, 1, 0, 0, 2][..], Some(0.7)),
            (&[0, 0, 0, 1], Some(0.2)),
            (&[3, 0, 1, 2], Some(0.5)),
            (&[0, 1, 0, 2, 3], None),
        ] {
            let logits: Vec<Vec<f64>> = (0..labels.len())
                .map(|image| {
                    (0..CLASSES)
                        .map(|class| ((image * 7 + class * 5) % 11) as f64 / 4.0)
                        .collect()
                })
                .collect();
            let narrow: Vec<f32> = logits.concat().iter().map(|&logit| logit as f32).collect();
            let shape = (labels.len(), CLASSES);
            let on_cpu = |values: Vec<f32>| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            let batch = batch(labels, mixed);
            for (smoothing, weights) in [
                (0.0, Some(&balanced)),
                (0.1, Some(&balanced)),
                (0.3, None),
                (0.0, None),
            ] {
                let Some(targets) = targets(&batch, CLASSES, smoothing, weights.map(|weights| &weights[..]))
                else {
                    assert!(mixed.is_none() && weights.is_none());
                    continue;
                };
                let sum: f32 = targets.iter().sum();
                assert!((sum - labels.len() as f32).abs() < 1e-5, "{sum}");
                let found = soft_cross_entropy(&on_cpu(narrow.clone()), &on_cpu(targets)).unwrap();
                let (loss, gradient) = plain_loop(
                    &batch,
                    smoothing.into(),
                    weights.unwrap_or(&[1.0; CLASSES]),
                    &logits,
                );
                let mean = f64::from(found.mean.to_scalar::<f32>().unwrap());
                assert!((mean - loss).abs() < TOLERANCE, "{labels:?}: {mean} {loss}");
                let values: Vec<f32> = found.gradient.flatten_all().unwrap().to_vec1().unwrap();
                for (value, expected) in values.into_iter().zip(gradient) {
                    let apart = (f64::from(value) - expected).abs();
                    assert!(apart < TOLERANCE, "{labels:?}: {value} {expected}");
                }
            }
        }
    }

    /// With `balanced` weights, all classes together pull equally, whichever images are mixed: a batch that holds each class's images
    /// in proportion to their number.
    #[test]
    fn classes_count_the_same_whatever_is_mixed() {
        // Six images of class 0, two of class 1: weights of 8 / (2 * n).
        let weights = [8.0 / 12.0, 8.0 / 4.0];
        for (labels, own) in [
            ([0, 0, 1, 0, 0, 0, 1, 0], 0.7),
            ([1, 0, 0, 0, 0, 0, 0, 1], 0.4),
            ([0, 1, 0, 0, 0, 1, 0, 0], 0.9),
        ] {
            let batch = batch(&labels, Some(own));
            let targets = targets(&batch, 2, 0.0, Some(&weights)).unwrap();
            let of_class = |class: usize| targets.iter().skip(class).step_by(2).sum::<f32>();
            assert!((of_class(0) - of_class(1)).abs() < 1e-5, "{targets:?}");
        }
    }
}
