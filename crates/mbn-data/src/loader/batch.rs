//! Pictures ready for the network, with their labels.

use std::path::PathBuf;

use image::RgbImage;

use crate::resize::Crop;

/// Pictures ready for the network, with their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Normalised pictures, `[n, 3, size, size]`; empty if there are `crops`.
    pub images: Vec<f32>,
    /// Pictures for the device to resize, mirror and normalise, `[n]`. Only if the configuration asks for crops and
    /// neither erasing nor mixing is on, which need normalised pictures.
    pub crops: Option<Vec<Crop>>,
    /// Height and width of the network's input.
    pub size: usize,
    /// Class of each picture; of mixed ones, the class of the picture itself, not of its partner.
    pub labels: Vec<u32>,
    /// Index of each picture in the source.
    pub indices: Vec<usize>,
    /// If the pictures are mixed, the share of picture `i` in the result, 0 to 1. The rest comes from its partner,
    /// picture `n - 1 - i`.
    pub mixed: Option<f32>,
    /// Pictures that belong to the batch but cannot be used.
    pub unusable: Vec<Unusable>,
}

/// A picture that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its index in the source.
    pub index: usize,
    /// Its file.
    pub path: PathBuf,
    /// Why it cannot be used.
    pub reason: String,
}

impl Batch {
    /// The classes of picture `index` with their shares, which sum to 1. There are two if it is mixed with a picture of
    /// another class.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn shares(&self, index: usize) -> Vec<(u32, f32)> {
        let label = self.labels[index];
        let partner = self.labels[self.labels.len() - 1 - index];
        match self.mixed {
            Some(own) if partner != label => vec![(label, own), (partner, 1.0 - own)],
            _ => vec![(label, 1.0)],
        }
    }

    /// Weight of each picture in the loss, `[n]`: the mean of its classes' weights, weighted by their shares.
    ///
    /// # Panics
    /// If a label is not below `class_weights.len()`.
    pub fn weights(&self, class_weights: &[f32]) -> Vec<f32> {
        let weight = |index| {
            let shares = self.shares(index).into_iter();
            shares
                .map(|(label, share)| share * class_weights[label as usize])
                .sum()
        };
        (0..self.labels.len()).map(weight).collect()
    }

    /// Target probabilities, `[n, classes]`: the shares of each picture's classes times `1 - smoothing`, plus
    /// `smoothing` spread evenly over all classes. Each row sums to 1. An unmixed batch without smoothing needs only
    /// `labels`.
    ///
    /// # Panics
    /// If a label is not below `classes`.
    pub fn targets(&self, classes: usize, smoothing: f32) -> Vec<f32> {
        let mut targets = vec![smoothing / classes as f32; self.labels.len() * classes];
        for (index, row) in targets.chunks_exact_mut(classes).enumerate() {
            for (label, share) in self.shares(index) {
                row[label as usize] += share * (1.0 - smoothing);
            }
        }
        targets
    }

    /// Like [`Batch::targets`], with what a picture's class adds to its row multiplied by the weight of that class. Each row sums to
    /// the picture's weight, as from [`Batch::weights`].
    ///
    /// A mixed picture says something about two classes, and each part counts as much as its class does. If the whole row counted as
    /// much as the picture, a common class would have a rare one's weight wherever the two are mixed.
    ///
    /// # Panics
    /// If a label is not below `classes` or `class_weights.len()`.
    pub fn weighted_targets(&self, classes: usize, smoothing: f32, class_weights: &[f32]) -> Vec<f32> {
        let every = smoothing / classes as f32;
        let mut targets = vec![0.0; self.labels.len() * classes];
        for (index, row) in targets.chunks_exact_mut(classes).enumerate() {
            for (label, share) in self.shares(index) {
                let weight = share * class_weights[label as usize];
                for (class, target) in (0..).zip(row.iter_mut()) {
                    let own = if class == label { 1.0 - smoothing } else { 0.0 };
                    *target += weight * (every + own);
                }
            }
        }
        targets
    }
}

/// A picture as the network sees it, for display.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The picture.
    pub image: RgbImage,
    /// Its classes with their shares, as from [`Batch::shares`].
    pub shares: Vec<(u32, f32)>,
    /// Its index in the source.
    pub index: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(labels: &[u32], mixed: Option<f32>) -> Batch {
        Batch {
            labels: labels.to_vec(),
            mixed,
            ..Batch::default()
        }
    }

    #[test]
    fn targets_are_smoothed_and_mixed() {
        let plain = batch(&[2, 0], None);
        assert_eq!(plain.targets(3, 0.0), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        // timm: mixup_target(torch.tensor([2, 0, 1]), 4, lam=0.75, smoothing=0.2); the middle picture is its own
        // partner.
        let found = batch(&[2, 0, 1], Some(0.75)).targets(4, 0.2);
        let expected = [
            [0.05, 0.25, 0.65, 0.05],
            [0.85, 0.05, 0.05, 0.05],
            [0.05, 0.65, 0.25, 0.05],
        ];
        for (found, expected) in found.iter().zip(expected.as_flattened()) {
            // Three roundings of values below one.
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    /// Two classes with the weights 1/2 and 4: the common one keeps its weight where a rare one is mixed in.
    #[test]
    fn each_class_of_a_mixed_picture_has_its_own_weight() {
        let weights = [0.5, 4.0, 1.0];
        let mixed = batch(&[0, 1], Some(0.75));
        assert_eq!(
            mixed.weighted_targets(3, 0.0, &weights),
            [0.375, 1.0, 0.0, 0.125, 3.0, 0.0]
        );
        for (batch, smoothing) in [
            (&mixed, 0.3),
            (&batch(&[2, 1, 0], Some(0.6)), 0.1),
            (&batch(&[1, 1, 0], None), 0.2),
        ] {
            let targets = batch.weighted_targets(3, smoothing, &weights);
            for (row, weight) in targets.chunks(3).zip(batch.weights(&weights)) {
                let sum: f32 = row.iter().sum();
                assert!((sum - weight).abs() < 1e-6, "{sum} {weight}");
            }
        }
        // Without mixing, a row is what it would be, times its weight.
        let plain = batch(&[2, 1], None);
        let rows = plain.targets(3, 0.1);
        let expected = rows.iter().zip([1.0, 1.0, 1.0, 4.0, 4.0, 4.0]);
        for (found, (target, weight)) in plain.weighted_targets(3, 0.1, &weights).iter().zip(expected) {
            assert_eq!(*found, target * weight);
        }
    }

    #[test]
    fn a_picture_mixed_with_its_own_class_has_one_class() {
        assert_eq!(batch(&[3, 3], Some(0.4)).shares(0), [(3, 1.0)]);
        assert_eq!(batch(&[3, 4], Some(0.75)).shares(1), [(4, 0.75), (3, 0.25)]);
    }

    #[test]
    fn a_picture_weighs_as_much_as_its_classes() {
        assert_eq!(batch(&[1, 0, 1], None).weights(&[0.5, 3.0]), [3.0, 0.5, 3.0]);
        assert_eq!(batch(&[1, 0], Some(0.75)).weights(&[1.0, 3.0]), [2.5, 1.5]);
    }
}
