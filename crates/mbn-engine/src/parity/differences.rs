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
