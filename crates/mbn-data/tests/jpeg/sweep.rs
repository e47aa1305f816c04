//! Every layout: decoded to the right pixels, or refused.

use std::fs;

use image::RgbImage;
use image::metadata::Orientation;
use mbn_data::{DecodeOptions, decode_bytes_with, decode_with_libjpeg};
use mbn_testing::{Python, Tensors, reference_path};
use rayon::prelude::*;

use crate::cases::{self, Case};
use crate::files::oracle;

/// Fewest files.
const FEWEST: usize = 2000;
/// A decoder rounds each component to a byte, perhaps the other way than float64 does. The conversion to RGB adds up to 1.77
/// levels of such a difference to one level of luminance, and rounds.
const LEVELS: u8 = 3;
/// Most levels between a value and Pillow's, whose decoder rounds alike.
const PILLOW_LEVELS: u8 = 2;
/// Most levels on average.
const MEAN: f64 = 0.5;
/// Fewest values whose mean is compared: among a handful, one rounded the other way already makes half a level.
const FEW_VALUES: usize = 200;
/// Share of the legal files that must be decoded.
const DECODED: f64 = 0.95;
/// Of the files with few pixels, every so many has Pillow's pixels in the reference data.
const KEPT_STEP: usize = 8;
const KEPT_PIXELS: usize = 300;

#[test]
fn every_layout_has_the_right_pixels() {
    let cases = cases::all();
    assert!(cases.len() >= FEWEST, "{} files", cases.len());
    let decoded: usize = cases
        .par_iter()
        .map(|case| {
            let expected = upright(oracle::pixels(&case.picture, case.colour), case.orientation);
            usize::from(is_right(case, &expected, LEVELS))
        })
        .sum();
    assert_share(decoded, cases.len());
}

/// Pillow decodes with libjpeg-turbo.
#[test]
fn every_layout_has_pillows_pixels() {
    let Some(python) = Python::find(&["PIL"]) else {
        return;
    };
    let cases = cases::all();
    let folder = tempfile::tempdir().unwrap();
    for (i, case) in cases.iter().enumerate() {
        fs::write(folder.path().join(format!("{i:05}.jpg")), &case.bytes).unwrap();
    }
    python.run("pillow_pixels.py", [folder.path()]);
    let decoded: usize = cases
        .par_iter()
        .enumerate()
        .map(|(i, case)| {
            let pixels = fs::read(folder.path().join(format!("{i:05}.rgb"))).unwrap();
            usize::from(is_right(case, &image_of(case, pixels), PILLOW_LEVELS))
        })
        .sum();
    assert_share(decoded, cases.len());
}

#[test]
fn a_part_has_the_pixels_that_pillow_had() {
    let expected = Tensors::read(&reference_path("jpeg/expected.safetensors"));
    let kept: Vec<(String, Case)> = kept();
    let names: Vec<&String> = kept.iter().map(|(name, _)| name).collect();
    assert_eq!(
        expected.names().iter().collect::<Vec<_>>(),
        names,
        "run `make reference`"
    );
    let right = kept.iter().filter(|(name, case)| {
        let (_, pixels) = expected.bytes(name);
        is_right(case, &image_of(case, pixels.to_vec()), PILLOW_LEVELS)
    });
    assert_share(right.count(), kept.len());
}

/// Which decoder takes a file must not show in its pixels.
#[test]
fn both_decoders_give_the_same_pixels() {
    for case in cases::all() {
        let found = decode_bytes_with(&case.bytes, &DecodeOptions::default());
        let expected = decode_with_libjpeg(&case.bytes, &DecodeOptions::default());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert!(found.image == expected.image, "{}", case.name),
            (Err(_), Err(_)) => {}
            (found, _) => panic!("{}: only one decoder takes it ({})", case.name, found.is_ok()),
        }
    }
}

/// `tests/reference/make_jpeg.py` sets the variable, and has Pillow decode the files.
#[test]
fn the_reference_gets_its_files() {
    let Some(folder) = std::env::var_os("MBN_WRITE_JPEG_FILES") else {
        return;
    };
    for (name, case) in kept() {
        fs::write(
            std::path::Path::new(&folder).join(format!("{name}.jpg")),
            case.bytes,
        )
        .unwrap();
    }
}

/// The files whose pixels are in the reference data, with names that tell whether a file has changed.
fn kept() -> Vec<(String, Case)> {
    let is_small = |case: &Case| case.picture.width * case.picture.height <= KEPT_PIXELS;
    let small = cases::all().into_iter().filter(is_small).step_by(KEPT_STEP);
    small
        .enumerate()
        .map(|(i, case)| (format!("{i:04}-{:08x}", crc32fast::hash(&case.bytes)), case))
        .collect()
}

/// Whether the file was decoded. Panics if its pixels are wrong.
fn is_right(case: &Case, expected: &RgbImage, levels: u8) -> bool {
    let name = &case.name;
    let found = match mbn_data::decode_bytes(&case.bytes) {
        Ok(found) => found,
        Err(mbn_data::DecodeErrorKind::Unsupported { .. }) => return false,
        Err(error) => panic!("{name}: {error}"),
    };
    assert_eq!(found.dimensions(), expected.dimensions(), "{name}");
    let differences = found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b));
    let largest = differences.clone().max().unwrap_or(0);
    let mean = differences.map(f64::from).sum::<f64>() / found.len() as f64;
    assert!(
        largest <= levels && (mean <= MEAN || found.len() < FEW_VALUES),
        "{name}: up to {largest} levels, {mean:.2} on average"
    );
    true
}

fn assert_share(decoded: usize, files: usize) {
    assert!(
        decoded as f64 >= DECODED * files as f64,
        "{decoded} of {files} files were decoded"
    );
}

/// Pillow's pixels, turned upright by the test's own rule.
fn image_of(case: &Case, pixels: Vec<u8>) -> RgbImage {
    let (width, height) = (case.picture.width as u32, case.picture.height as u32);
    let image = RgbImage::from_raw(width, height, pixels).expect("as many bytes as the picture has");
    upright(image, case.orientation)
}

fn upright(image: RgbImage, orientation: u8) -> RgbImage {
    let mut image = image::DynamicImage::ImageRgb8(image);
    image.apply_orientation(Orientation::from_exif(orientation).expect("1 to 8"));
    image.into_rgb8()
}
