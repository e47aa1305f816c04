//! Class weights for data sets with classes of different sizes.

use std::collections::BTreeSet;

use crate::image_source::ImageSource;

/// Weights with which every class counts the same in the loss, in the order of the labels: `n / (classes * n_class)`
/// for `n` images, like scikit-learn's `balanced`. Their mean over the images is 1. If all classes have the same size,
/// all weights are 1. A class without images has weight 0. Images in `without` do not count.
pub fn class_weights(source: &dyn ImageSource, without: &BTreeSet<usize>) -> Vec<f32> {
    let mut counts = vec![0usize; source.class_names().len()];
    for index in (0..source.len()).filter(|index| !without.contains(index)) {
        counts[source.label(index) as usize] += 1;
    }
    let images: usize = counts.iter().sum();
    let classes = counts.len();
    let weight = |count| match count {
        0 => 0.0,
        count => (images as f64 / (classes * count) as f64) as f32,
    };
    counts.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_source::tests::Numbered;

    #[test]
    fn small_classes_weigh_more() {
        // Three even numbers, two odd ones.
        let weights =
            |len, without: &[usize]| class_weights(&Numbered::new(len), &without.iter().copied().collect());
        assert_eq!(weights(5, &[]), [5.0 / 6.0, 5.0 / 4.0]);
        assert_eq!(weights(4, &[]), [1.0, 1.0]);
        assert_eq!(weights(1, &[]), [0.5, 0.0]);
        assert_eq!(weights(7, &[0, 5]), [5.0 / 6.0, 5.0 / 4.0]);
    }
}
