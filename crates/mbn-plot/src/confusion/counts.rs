//! Counts, shares and accuracy of a confusion matrix.

use mbn_spec::text::thousands;

/// The matrix, with sums that cannot overflow.
pub(crate) struct Counts<'a> {
    matrix: &'a [Vec<u64>],
}

impl<'a> Counts<'a> {
    /// `matrix` is square and not empty.
    pub(crate) fn new(matrix: &'a [Vec<u64>]) -> Self {
        Self { matrix }
    }

    pub(crate) fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.matrix[truth][predicted]
    }

    pub(crate) fn of_class(&self, truth: usize) -> u128 {
        self.matrix[truth].iter().copied().map(u128::from).sum()
    }

    /// Share of the images of class `truth` that were taken for `predicted`; `None` without images.
    pub(crate) fn share(&self, truth: usize, predicted: usize) -> Option<f64> {
        let all = self.of_class(truth);
        (all > 0).then(|| self.count(truth, predicted) as f64 / all as f64)
    }

    /// Accuracy and number of images, for a heading.
    pub(crate) fn summary(&self) -> String {
        let classes = 0..self.matrix.len();
        let all: u128 = classes.clone().map(|class| self.of_class(class)).sum();
        let right: u128 = classes.map(|class| u128::from(self.count(class, class))).sum();
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
        let matrix = vec![vec![u64::MAX, u64::MAX], vec![0, u64::MAX]];
        let counts = Counts::new(&matrix);
        assert_eq!(counts.share(0, 0), Some(0.5));
        assert!(
            counts.summary().starts_with("accuracy 66.67 %"),
            "{}",
            counts.summary()
        );
    }
}
