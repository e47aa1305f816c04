//! How far a quantised network's logits are from the float network's.

use mbn_model::first_class;

/// Logits of some pictures beside the float network's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Number of pictures.
    pub pictures: usize,
    /// Pictures with the same first class.
    pub same_class: usize,
    /// Largest difference of a logit.
    pub largest: f32,
    /// Mean difference of a logit.
    pub mean: f64,
    /// Mean squared difference, as a part of the float logits' mean square.
    pub relative_error: f64,
}

impl Agreement {
    /// Compares `[pictures, classes]`.
    pub(crate) fn of(found: &[f32], expected: &[f32], classes: usize) -> Self {
        let rows = found.chunks_exact(classes).zip(expected.chunks_exact(classes));
        let same = rows.filter(|(found, expected)| first_class(found) == first_class(expected));
        let mut agreement = Self {
            pictures: expected.len() / classes.max(1),
            same_class: same.count(),
            ..Self::default()
        };
        let (mut error, mut square) = (0.0, 0.0);
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            // Neither NaN, which `max` would pass over, nor a sum that it spoils looks like agreement.
            let difference = if difference.is_nan() {
                f32::INFINITY
            } else {
                difference
            };
            agreement.largest = agreement.largest.max(difference);
            agreement.mean += f64::from(difference);
            error += f64::from(difference).powi(2);
            square += f64::from(*expected).powi(2);
        }
        agreement.mean /= expected.len().max(1) as f64;
        agreement.relative_error = if error > 0.0 {
            error / square.max(f64::MIN_POSITIVE)
        } else {
            0.0
        };
        agreement
    }

    /// Part of the pictures with the same first class.
    pub fn agrees(&self) -> f64 {
        self.same_class as f64 / self.pictures.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_compared_picture_by_picture() {
        let found = Agreement::of(&[1.0, 2.0, 3.0, 0.0], &[1.0, 0.0, 3.0, 0.0], 2);
        assert_eq!((found.pictures, found.same_class, found.agrees()), (2, 1, 0.5));
        assert_eq!((found.largest, found.mean, found.relative_error), (2.0, 0.5, 0.4));
        assert_eq!(Agreement::of(&[], &[], 3).relative_error, 0.0);
        assert_eq!(Agreement::of(&[1.0], &[1.0], 1).relative_error, 0.0);
    }

    #[test]
    fn logits_that_are_no_numbers_agree_with_nothing() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = Agreement::of(&[1.0, value], &[1.0, 0.0], 2);
            assert_eq!(
                (found.largest, found.mean, found.relative_error),
                (f32::INFINITY, f64::INFINITY, f64::INFINITY)
            );
        }
    }
}
