//! Counts, shares and accuracy of a confusion matrix.

use mbn_spec::text::thousands;

use super::Confusion;

/// The matrix, with sums that cannot overflow.
pub(crate) struct Counts<'a> {
    confusion: &'a Confusion,
    /// Images of each class.
    of_class: Vec<u128>,
}

impl<'a> Counts<'a> {
    pub(crate) fn new(confusion: &'a Confusion) -> Self {
        let mut of_class = vec![0; confusion.classes()];
        for (truth, _, images) in confusion.pairs() {
            of_class[truth] += u128::from(images);
        }
        Self { confusion, of_class }
    }

    pub(crate) fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.confusion.count(truth, predicted)
    }

    pub(crate) fn of_class(&self, truth: usize) -> u128 {
        self.of_class[truth]
    }

    /// Share of the images of class `truth` that were taken for `predicted`; `None` without images.
    pub(crate) fn share(&self, truth: usize, predicted: usize) -> Option<f64> {
        let all = self.of_class(truth);
        (all > 0).then(|| self.count(truth, predicted) as f64 / all as f64)
    }

    /// Accuracy and number of images, for a heading.
    pub(crate) fn summary(&self) -> String {
        let (all, right) = (self.confusion.images(), self.confusion.right());
        let images = if all == 1 { "image" } else { "images" };
        match all {
            0 => "no images".to_owned(),
            _ => format!(
                "accuracy {:.2} % of {} {images}",
                100.0 * right as f64 / all as f64,
                thousands(all)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_overflow() {
        let mut confusion = Confusion::new(2);
        for (truth, predicted) in [(0, 0), (0, 1), (1, 1)] {
            confusion.add(truth, predicted, u64::MAX);
        }
        let counts = Counts::new(&confusion);
        assert_eq!(counts.share(0, 0), Some(0.5));
        assert!(
            counts.summary().starts_with("accuracy 66.67 %"),
            "{}",
            counts.summary()
        );
    }
}
