//! Chooses the operations of an augmentation policy and their strengths.

use image::RgbImage;
use rand::{Rng, RngExt};

use super::operation::{OPERATIONS, Operation, run};
use super::settings::Policy;

/// Number of strengths: the steps 0 to 30, where 30 is the strongest.
const BINS: u32 = 31;

/// The greatest strength of each operation.
#[derive(Clone, Copy)]
struct Ranges {
    shear: f64,
    /// Pixels to the right and down.
    translate: [f64; 2],
    degrees: f64,
    /// Distance from 1 of the factor of brightness, colour, contrast and sharpness.
    enhance: f64,
    /// Bits that posterizing drops.
    bits: f64,
}

/// The ranges of TrivialAugment.
const WIDE: Ranges = Ranges {
    shear: 0.99,
    translate: [32.0; 2],
    degrees: 135.0,
    enhance: 0.99,
    bits: 6.0,
};

impl Ranges {
    /// The ranges of RandAugment.
    fn narrow(image: &RgbImage) -> Self {
        Self {
            shear: 0.3,
            translate: [image.width(), image.height()].map(|side| 150.0 / 331.0 * f64::from(side)),
            degrees: 30.0,
            enhance: 0.9,
            bits: 4.0,
        }
    }

    /// The strength of an operation at a step from 0 to 30, and whether its sign is random.
    fn strength(&self, operation: Operation, step: u32) -> (f64, bool) {
        let part = f64::from(step) / f64::from(BINS - 1);
        match operation {
            Operation::ShearX | Operation::ShearY => (self.shear * part, true),
            Operation::TranslateX => (self.translate[0] * part, true),
            Operation::TranslateY => (self.translate[1] * part, true),
            Operation::Rotate => (self.degrees * part, true),
            Operation::Brightness | Operation::Color | Operation::Contrast | Operation::Sharpness => {
                (self.enhance * part, true)
            }
            Operation::Posterize => (8.0 - (self.bits * part).round_ties_even(), false),
            Operation::Solarize => (255.0 * (1.0 - part), false),
            Operation::Identity | Operation::AutoContrast | Operation::Equalize => (0.0, false),
        }
    }
}

/// Applies the operations that the policy chooses.
pub(super) fn apply(policy: Policy, image: &mut RgbImage, fill: [u8; 3], rng: &mut impl Rng) {
    match policy {
        Policy::None => {}
        Policy::TrivialAugment => {
            let operation = OPERATIONS[rng.random_range(0..OPERATIONS.len())];
            let step = rng.random_range(0..BINS);
            run_with_random_sign(operation, WIDE.strength(operation, step), image, fill, rng);
        }
        Policy::RandAugment { ops, magnitude } => {
            let ranges = Ranges::narrow(image);
            for _ in 0..ops {
                let operation = OPERATIONS[rng.random_range(0..OPERATIONS.len())];
                run_with_random_sign(operation, ranges.strength(operation, magnitude), image, fill, rng);
            }
        }
    }
}

fn run_with_random_sign(
    operation: Operation,
    (strength, is_signed): (f64, bool),
    image: &mut RgbImage,
    fill: [u8; 3],
    rng: &mut impl Rng,
) {
    let negative = is_signed && rng.random::<bool>();
    run(
        operation,
        if negative { -strength } else { strength },
        image,
        fill,
    );
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::augment::tests::picture;
    use crate::random::sample_stream;

    #[test]
    fn strengths_are_torchvisions() {
        // [float(m[i]) for i in (0, 9, 30)] of TrivialAugmentWide()._augmentation_space(31) and
        // RandAugment()._augmentation_space(31, (224, 224)).
        let narrow = Ranges::narrow(&RgbImage::new(224, 224));
        let expected = [
            (WIDE, Operation::ShearX, [0.0, 0.297, 0.99]),
            (WIDE, Operation::TranslateY, [0.0, 9.6, 32.0]),
            (WIDE, Operation::Rotate, [0.0, 40.5, 135.0]),
            (WIDE, Operation::Sharpness, [0.0, 0.297, 0.99]),
            (WIDE, Operation::Posterize, [8.0, 6.0, 2.0]),
            (WIDE, Operation::Solarize, [255.0, 178.5, 0.0]),
            (narrow, Operation::ShearY, [0.0, 0.09, 0.3]),
            (narrow, Operation::TranslateX, [0.0, 30.4532, 101.5106]),
            (narrow, Operation::Rotate, [0.0, 9.0, 30.0]),
            (narrow, Operation::Color, [0.0, 0.27, 0.9]),
            (narrow, Operation::Posterize, [8.0, 7.0, 4.0]),
            (narrow, Operation::Equalize, [0.0; 3]),
        ];
        for (ranges, operation, strengths) in expected {
            for (step, expected) in [0, 9, 30].into_iter().zip(strengths) {
                let (found, _) = ranges.strength(operation, step);
                // The constants above are rounded to four decimals.
                assert!((found - expected).abs() < 1e-4, "{operation:?} {step}: {found}");
            }
        }
    }

    #[test]
    fn every_operation_occurs_and_a_stream_repeats_it() {
        for policy in [
            Policy::TrivialAugment,
            Policy::RandAugment {
                ops: 1,
                magnitude: 15,
            },
        ] {
            let made = |index| {
                let mut image = picture(64, 48);
                apply(policy, &mut image, [9; 3], &mut sample_stream(1, 0, index));
                image
            };
            let results: HashSet<RgbImage> = (0..2000).map(made).collect();
            for operation in OPERATIONS {
                let ranges = match policy {
                    Policy::TrivialAugment => WIDE,
                    _ => Ranges::narrow(&picture(64, 48)),
                };
                let mut found = 0;
                let (strength, is_signed) = ranges.strength(operation, 15);
                let signs: &[f64] = if is_signed { &[1.0, -1.0] } else { &[1.0] };
                for sign in signs {
                    let mut image = picture(64, 48);
                    run(operation, sign * strength, &mut image, [9; 3]);
                    found += usize::from(results.contains(&image));
                }
                assert_eq!(found, signs.len(), "{policy:?} {operation:?}");
            }
            assert_eq!(made(7), made(7));
        }
    }
}
