mod pillow;

use super::operation::{Operation, run};
use super::*;
use crate::random::sample_stream;

/// Jitter of everything that colour jitter can change.
const EVERY_COLOUR: ColorJitter = ColorJitter {
    brightness: 0.4,
    contrast: 0.4,
    saturation: 0.4,
    hue: 0.1,
};

#[test]
fn flips_with_the_configured_probability() {
    let image = RgbImage::from_fn(32, 32, |x, y| image::Rgb([x as u8, y as u8, 7]));
    let preprocess = Preprocess {
        size: 32,
        ..Preprocess::default()
    };
    let count = |flip| {
        let augment = Augment {
            flip,
            ..Augment::none()
        };
        let flipped = |index| {
            let made = augment
                .apply(&image, &preprocess, &mut sample_stream(5, 0, index))
                .unwrap();
            if made == image {
                return false;
            }
            assert_eq!(made, image::imageops::flip_horizontal(&image));
            true
        };
        (0..1000).filter(|&index| flipped(index)).count()
    };
    assert_eq!(count(0.0), 0);
    assert_eq!(count(1.0), 1000);
    // Five standard deviations of a binomial with 1000 draws.
    assert!((420..580).contains(&count(0.5)));
}

/// The picture of `pillow.py`.
pub(super) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([
            (x * 37 + y * 101 + x * y * 13) as u8,
            (x * 59 + y * 23 + (x ^ y) * 7) as u8,
            (x * 97 + y * 61 + x * x * 3) as u8,
        ])
    })
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn operations_equal_pillows_to_the_byte() {
    for (name, strength, small, large) in pillow::EXPECTED {
        let apply = |image: &mut RgbImage| {
            let operation = match name {
                "ShearX" => Operation::ShearX,
                "ShearY" => Operation::ShearY,
                "TranslateX" => Operation::TranslateX,
                "TranslateY" => Operation::TranslateY,
                "Rotate" => Operation::Rotate,
                "Brightness" => Operation::Brightness,
                "Color" => Operation::Color,
                "Contrast" => Operation::Contrast,
                "Sharpness" => Operation::Sharpness,
                "Posterize" => Operation::Posterize,
                "Solarize" => Operation::Solarize,
                "AutoContrast" => Operation::AutoContrast,
                "Equalize" => Operation::Equalize,
                "Hue" => return color::hue(image, strength as f32),
                other => panic!("no operation {other}"),
            };
            run(operation, strength, image, [1, 2, 3]);
        };
        let mut image = picture(5, 4);
        apply(&mut image);
        assert_eq!(image.as_raw()[..], small, "{name} {strength}");
        let mut image = picture(128, 96);
        apply(&mut image);
        assert_eq!(checksum(&image), large, "{name} {strength}, 128 x 96");
    }
}

#[test]
fn pictures_of_one_colour_or_one_pixel_are_changed_without_errors() {
    for (width, height) in [(1, 1), (2, 2), (3, 1)] {
        for index in 0..300 {
            let augment = Augment {
                policy: Policy::TrivialAugment,
                color_jitter: EVERY_COLOUR,
                ..Augment::default()
            };
            let image = RgbImage::from_pixel(width, height, image::Rgb([200; 3]));
            let preprocess = Preprocess {
                size: 32,
                ..Preprocess::default()
            };
            augment
                .apply(&image, &preprocess, &mut sample_stream(0, 0, index))
                .unwrap();
        }
    }
}

/// This allows a flip to come last if only colours change after it.
#[test]
fn colour_changes_commute_with_mirroring() {
    let image = RgbImage::from_fn(24, 16, |x, y| {
        image::Rgb([(x * 9) as u8, (y * 13) as u8, (x * y) as u8])
    });
    let augment = Augment {
        crop: false,
        flip: 0.0,
        color_jitter: EVERY_COLOUR,
        ..Augment::default()
    };
    let preprocess = Preprocess {
        size: 16,
        ..Preprocess::default()
    };
    for index in 0..20 {
        let mut stream = sample_stream(1, 0, index);
        let small = crate::resize::resize(&image, &preprocess).unwrap();
        let jittered = |image: &RgbImage| {
            augment
                .apply(image, &preprocess, &mut sample_stream(1, 0, index))
                .unwrap()
        };
        let mirrored = image::imageops::flip_horizontal(&small);
        let found = image::imageops::flip_horizontal(&jittered(&mirrored));
        assert_eq!(found, jittered(&small));
        let flipping = Augment {
            flip: 1.0,
            ..augment.clone()
        };
        let left = flipping.crop(&small, &preprocess, &mut stream).unwrap();
        assert!(left.is_mirrored && left.pixels == *jittered(&small).as_raw());
        let policy = Augment {
            policy: Policy::TrivialAugment,
            ..flipping
        };
        assert!(!policy.crop(&small, &preprocess, &mut stream).unwrap().is_mirrored);
    }
}
