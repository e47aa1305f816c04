//! A confusion matrix that keeps only what occurs.

use std::collections::BTreeMap;

/// How often images of one class were taken for another.
///
/// Only pairs that occur take room: of thousands of classes, most are never taken for most others, and the whole matrix of 20,000
/// would be 3 GB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// By true class and predicted class; none is 0.
    images: BTreeMap<(usize, usize), u64>,
}

impl Confusion {
    /// No images yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            images: BTreeMap::new(),
        }
    }

    /// Counts `images` of class `truth` that were taken for class `predicted`.
    ///
    /// # Panics
    /// If one of the two is not below the number of classes.
    pub fn add(&mut self, truth: usize, predicted: usize, images: u64) {
        let classes = self.classes;
        assert!(
            truth < classes && predicted < classes,
            "classes {truth} and {predicted} of {classes}"
        );
        if images > 0 {
            let sum = self.images.entry((truth, predicted)).or_default();
            *sum = sum.saturating_add(images);
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Images of class `truth` that were taken for class `predicted`.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.images.get(&(truth, predicted)).copied().unwrap_or(0)
    }

    /// True class, predicted class and number of images of every pair that occurs, in the order of the classes.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let pairs = self.images.iter();
        pairs.map(|(&(truth, predicted), &images)| (truth, predicted, images))
    }

    /// Number of images.
    pub fn images(&self) -> u128 {
        self.images.values().copied().map(u128::from).sum()
    }

    /// Number of images whose class was predicted.
    pub fn right(&self) -> u128 {
        let right = self.pairs().filter(|(truth, predicted, _)| truth == predicted);
        right.map(|(.., images)| u128::from(images)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_occurs_takes_room() {
        // The whole matrix would be 8 PB.
        let mut confusion = Confusion::new(1 << 25);
        let last = confusion.classes() - 1;
        for (truth, predicted, images) in [(last, 0, 2), (7, 7, 3), (last, 0, u64::MAX), (7, last, 0)] {
            confusion.add(truth, predicted, images);
        }
        let pairs: Vec<_> = confusion.pairs().collect();
        assert_eq!(pairs, [(7, 7, 3), (last, 0, u64::MAX)]);
        assert_eq!((confusion.count(7, 7), confusion.count(0, 7)), (3, 0));
        assert_eq!(
            (confusion.right(), confusion.images()),
            (3, 3 + u128::from(u64::MAX))
        );
    }

    #[test]
    #[should_panic(expected = "classes 1 and 2 of 2")]
    fn a_class_that_is_none_is_refused() {
        Confusion::new(2).add(1, 2, 1);
    }
}
