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
    sum: f64,
    values: usize,
}

impl Differences {
    /// Mean absolute difference.
    pub fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
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
            self.sum += f64::from(difference);
            self.values += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
