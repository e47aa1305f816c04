//! The operations that an augmentation policy chooses from.

use image::RgbImage;

use super::{color, spatial};

/// An operation of torchvision's `TrivialAugmentWide` and `RandAugment`.
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

/// Every operation, in the order in which a policy numbers them.
pub(super) const OPERATIONS: [Operation; 14] = [
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

/// Applies an operation. `strength` is the slope of a shear, pixels of a translation, degrees of a rotation, a factor
/// minus 1, the number of bits kept, or a threshold.
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
