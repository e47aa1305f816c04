//! Which operations a picture goes through, and how strongly.

use image::RgbImage;
use rand::{Rng, RngExt};

use super::{Policy, color, spatial};

/// Strengths are multiples of a thirtieth of the strongest.
const BINS: u32 = 31;

/// What torchvision's `TrivialAugmentWide` and `RandAugment` choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const OPERATIONS: [Operation; 14] = [
    Operation::Identity,
    Operation::ShearX,
    Operation::ShearY,
    Operation::TranslateX,
    Operation::TranslateY,
    Operation::Rotate,
    Operation::Brightness,
    Operation::Color,
    Operation::Contrast,
    Operation::Sharpness,
    Operation::Posterize,
    Operation::Solarize,
    Operation::AutoContrast,
    Operation::Equalize,
];

/// The strongest of each operation.
#[derive(Clone, Copy)]
struct Ranges {
    shear: f64,
    /// Pixels to the right, and down.
    translate: [f64; 2],
    degrees: f64,
    /// Of brightness, colour, contrast and sharpness: how far the factor is from one.
    enhance: f64,
    /// Bits that posterizing takes away.
    bits: f64,
}

const WIDE: Ranges = Ranges {
    shear: 0.99,
    translate: [32.0; 2],
    degrees: 135.0,
    enhance: 0.99,
    bits: 6.0,
};

impl Ranges {
    /// RandAugment's.
    fn narrow(image: &RgbImage) -> Self {
        Self {
            shear: 0.3,
            translate: [image.width(), image.height()].map(|side| 150.0 / 331.0 * f64::from(side)),
            degrees: 30.0,
            enhance: 0.9,
            bits: 4.0,
        }
    }

    /// The strength of an operation at a step of 0 to 30, and whether it goes either way.
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

/// Applies what the policy chooses.
pub(super) fn apply(policy: Policy, image: &mut RgbImage, fill: [u8; 3], rng: &mut impl Rng) {
    match policy {
        Policy::None => {}
        Policy::TrivialAugment => {
            let operation = OPERATIONS[rng.random_range(0..OPERATIONS.len())];
            let step = rng.random_range(0..BINS);
            run_either_way(operation, WIDE.strength(operation, step), image, fill, rng);
        }
        Policy::RandAugment { ops, magnitude } => {
            let ranges = Ranges::narrow(image);
            for _ in 0..ops {
                let operation = OPERATIONS[rng.random_range(0..OPERATIONS.len())];
                run_either_way(operation, ranges.strength(operation, magnitude), image, fill, rng);
            }
        }
    }
}

fn run_either_way(
    operation: Operation,
    (strength, either_way): (f64, bool),
    image: &mut RgbImage,
    fill: [u8; 3],
    rng: &mut impl Rng,
) {
    let negative = either_way && rng.random::<bool>();
    run(
        operation,
        if negative { -strength } else { strength },
        image,
        fill,
    );
}

/// Applies an operation. Its strength is a part of the picture's side for shears, pixels, degrees, how far the
/// factor is from one, bits that are kept, or the threshold.
pub(super) fn run(operation: Operation, strength: f64, image: &mut RgbImage, fill: [u8; 3]) {
    let factor = (1.0 + strength) as f32;
    match operation {
        Operation::Identity => {}
        Operation::ShearX => spatial::shear_x(image, strength, fill),
        Operation::ShearY => spatial::shear_y(image, strength, fill),
        Operation::TranslateX => spatial::translate(image, strength as i32, 0, fill),
        Operation::TranslateY => spatial::translate(image, 0, strength as i32, fill),
        Operation::Rotate => spatial::rotate(image, strength, fill),
        Operation::Brightness => color::brightness(image, factor),
        Operation::Color => color::saturation(image, factor),
        Operation::Contrast => color::contrast(image, factor),
        Operation::Sharpness => spatial::sharpness(image, factor),
        Operation::Posterize => color::posterize(image, strength as u32),
        Operation::Solarize => color::solarize(image, strength as f32),
        Operation::AutoContrast => color::autocontrast(image),
        Operation::Equalize => color::equalize(image),
    }
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
                // The constants above have four decimals.
                assert!((found - expected).abs() < 1e-4, "{operation:?} {step}: {found}");
            }
        }
    }

    #[test]
    fn every_operation_comes_up_and_a_stream_repeats_it() {
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
                let (strength, either_way) = ranges.strength(operation, 15);
                let signs: &[f64] = if either_way { &[1.0, -1.0] } else { &[1.0] };
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
