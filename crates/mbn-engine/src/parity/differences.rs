//! How far outputs are apart.

use mbn_model::first_class;

/// How far the outputs of two engines are apart, over all images compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differences {
    /// Number of images.
    pub images: usize,
    /// Images whose likeliest class is the same.
    pub same_class: usize,
    /// Largest absolute difference; infinite if an output is not finite.
    pub largest: f32,
    /// Largest magnitude among the reference's outputs.
    pub largest_value: f32,
    /// Smallest and largest of the reference's outputs.
    ends: Option<(f32, f32)>,
    sum: f64,
    /// Sum of the squares of the differences.
    squares: f64,
    /// Sums of the reference's outputs and of their squares.
    expected: [f64; 2],
    values: usize,
}

/// With fewer values than this, the reference's spread may be small by chance.
const FEW: usize = 8;
/// Rounding grows with the terms that a sum adds up, which may be this much larger than the sums are apart.
const CANCELLED: f32 = 4.0;

impl Differences {
    /// Mean absolute difference.
    pub fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
    }

    /// Mean squared difference as a fraction of the reference's variance over all images and outputs: 1 minus the coefficient of
    /// determination. Outputs that are no nearer to the reference than its mean is have 1 or more; `None` if the reference's outputs
    /// are all the same.
    pub fn unexplained(&self) -> Option<f64> {
        let [sum, squares] = self.expected;
        let variance = squares - sum * sum / self.values.max(1) as f64;
        match variance.is_nan() || self.squares.is_nan() {
            true => Some(f64::INFINITY),
            false => (variance > f64::from(f32::EPSILON) * squares).then(|| self.squares / variance),
        }
    }

    /// What a tolerance is a fraction of: the reference's largest magnitude, or 1 if that is larger and the values are as far apart
    /// as to explain it. Outputs of a network whose logits are all tiny must not pass whatever they are.
    pub fn scale(&self) -> f32 {
        let spread = self.ends.map_or(0.0, |(low, high)| high - low);
        let floor = match self.values < FEW || spread.is_nan() {
            true => 1.0,
            false => (CANCELLED * spread).min(1.0),
        };
        self.largest_value.max(floor)
    }

    /// Adds one image's outputs.
    pub(super) fn add(&mut self, found: &[f32], expected: &[f32]) {
        self.images += 1;
        self.same_class += usize::from(first_class(found) == first_class(expected));
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            // `max` would pass over NaN, which is as far off as a value can be.
            let difference = if difference.is_nan() {
                f32::INFINITY
            } else {
                difference
            };
            self.largest = self.largest.max(difference);
            self.largest_value = self.largest_value.max(expected.abs());
            let (low, high) = self.ends.unwrap_or((*expected, *expected));
            self.ends = Some((low.min(*expected), high.max(*expected)));
            self.sum += f64::from(difference);
            self.squares += f64::from(difference).powi(2);
            self.expected[0] += f64::from(*expected);
            self.expected[1] += f64::from(*expected).powi(2);
            self.values += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_tiny_outputs_is_tiny_once_there_are_enough() {
        let of = |values: &[f32]| {
            let mut differences = Differences::default();
            differences.add(values, values);
            differences.scale()
        };
        assert_eq!(of(&[0.01, 0.02]), 1.0);
        assert_eq!(of(&[1e-6, 2e-6, 3e-6, 4e-6, -1e-6, 0.0, 1e-6, -4e-6]), 3.2e-5);
        assert_eq!(of(&[0.1, 0.2, 0.3, 0.4, 0.0, 0.0, 0.1, 0.3]), 1.0);
        assert_eq!(of(&[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 1.0, -9.0]), 9.0);
        assert_eq!(of(&[0.0; 8]), 0.0);
    }

    #[test]
    fn what_a_reference_does_not_explain_is_a_fraction_of_its_variance() {
        let of = |found: &[f32], expected: &[f32]| {
            let mut differences = Differences::default();
            differences.add(found, expected);
            differences.unexplained()
        };
        let expected = [101.0, 99.0, 102.0, 98.0];
        assert_eq!(of(&expected, &expected), Some(0.0));
        assert_eq!(of(&[100.0; 4], &expected), Some(1.0));
        assert_eq!(of(&[99.0, 101.0, 98.0, 102.0], &expected), Some(4.0));
        assert_eq!(of(&[f32::NAN, 99.0, 102.0, 98.0], &expected), Some(f64::INFINITY));
        assert_eq!(of(&[7.0, 8.0], &[7.0, f32::INFINITY]), Some(f64::INFINITY));
        assert_eq!(of(&[7.0, 8.0], &[7.0, 7.0]), None);
    }

    #[test]
    fn a_value_that_is_not_finite_is_infinitely_far_off() {
        for (found, expected) in [
            (f32::NAN, 1.0),
            (1.0, f32::NAN),
            (f32::INFINITY, 1.0),
            (f32::INFINITY, f32::INFINITY),
        ] {
            let mut differences = Differences::default();
            differences.add(&[0.0, found], &[0.0, expected]);
            assert_eq!(differences.largest, f32::INFINITY, "{found} {expected}");
        }
    }
}
