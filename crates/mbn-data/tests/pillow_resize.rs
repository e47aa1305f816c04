//! Compares resizing with Pillow on the spot, for many sizes and shorter sides.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use image::{Rgb, RgbImage};
use mbn_spec::{Interpolation, Preprocess, Resize};
use mbn_testing::Python;

/// Pillow rounds to bytes after the horizontal pass, the bilinear resize after the vertical pass: half a level each.
const BILINEAR_LEVELS: u8 = 1;
/// The other filters have Pillow's arithmetic.
const OTHER_LEVELS: u8 = 0;

/// The last is so long that the bilinear resize goes along the width first at the larger size.
const SIDES: [(u32, u32); 11] = [
    (1, 1),
    (1, 40),
    (37, 3),
    (64, 64),
    (75, 56),
    (301, 200),
    (224, 320),
    (500, 375),
    (17, 900),
    (1023, 769),
    (60_000, 20),
];
/// The last is the network's usual one.
const SIZES: [usize; 3] = [32, 97, 224];
/// Pillow makes the whole resized picture, of which the longer side may have this many pixels.
const LONGEST: u64 = 400_000;

/// Noise with many extreme values, in which the filter overshoots, above stripes of every width.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut state = u64::from(width) << 32 | u64::from(height) | 1;
    RgbImage::from_fn(width, height, |x, y| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [r, g, b, ..] = state.rotate_left(24).to_le_bytes();
        let stripe = if (x * x / 64) % 2 == 0 { 255 } else { 0 };
        match y * 2 > height {
            true => Rgb([stripe, 255 - stripe, b]),
            false => Rgb([r, if g > 127 { 255 } else { 0 }, b]),
        }
    })
}

/// Pillow's geometry of a resize, as numbers on a line: resized width and height, left, top.
fn geometry(preprocess: &Preprocess, sides: (u32, u32)) -> [usize; 4] {
    let size = preprocess.size;
    let Resize::Crop = preprocess.resize else {
        return [size, size, 0, 0];
    };
    // `int(shorter * longer / shortest)` and `int(round((length - size) / 2))`, as torchvision computes them.
    let shorter = preprocess.shorter_side() as f64;
    let [width, height] = [sides.0, sides.1]
        .map(|side| (shorter * f64::from(side) / f64::from(sides.0.min(sides.1))).floor() as usize);
    let [left, top] = [width, height].map(|side| ((side - size) as f64 / 2.0).round_ties_even() as usize);
    [width, height, left, top]
}

#[test]
fn resizes_equal_pillows() {
    let Some(python) = Python::find(&["PIL"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut cases, mut list) = (Vec::new(), String::new());
    for sides in SIDES {
        let (longer, shorter) = (sides.0.max(sides.1), sides.0.min(sides.1));
        let fits = |size: &usize| *size as u64 * u64::from(longer) / u64::from(shorter) < LONGEST;
        for size in SIZES.into_iter().filter(fits) {
            let usual = Preprocess {
                resize: Resize::Crop,
                ..Preprocess::default().with_size(size)
            };
            for preprocess in [
                Preprocess::default().with_size(size),
                usual,
                usual.with_shorter(size),
                usual.with_shorter(size * 19 / 16),
            ] {
                for (interpolation, name) in [
                    (Interpolation::Nearest, "nearest"),
                    (Interpolation::Box, "box"),
                    (Interpolation::Bilinear, "bilinear"),
                    (Interpolation::Hamming, "hamming"),
                    (Interpolation::Bicubic, "bicubic"),
                    (Interpolation::Lanczos, "lanczos"),
                ] {
                    let (file, [width, height, left, top]) =
                        (format!("{}", cases.len()), geometry(&preprocess, sides));
                    let (w, h) = sides;
                    writeln!(list, "{file} {w} {h} {name} {width} {height} {left} {top} {size}").unwrap();
                    let image = picture(w, h);
                    std::fs::write(folder.path().join(format!("{file}.rgb")), image.as_raw()).unwrap();
                    cases.push((
                        image,
                        Preprocess {
                            interpolation,
                            ..preprocess
                        },
                    ));
                }
            }
        }
    }
    std::fs::write(folder.path().join("cases.txt"), list).unwrap();
    python.run("pillow_resize.py", [folder.path()]);
    for (i, (image, preprocess)) in cases.iter().enumerate() {
        let expected = std::fs::read(folder.path().join(format!("{i}.out"))).unwrap();
        let exact = mbn_data::resize_exactly(image, preprocess).unwrap();
        assert!(*exact == expected, "{:?}, {preprocess:?}", image.dimensions());
        let found = mbn_data::resize(image, preprocess).unwrap();
        assert_eq!(found.len(), expected.len());
        let differences = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        let allowed = match preprocess.interpolation {
            Interpolation::Bilinear => BILINEAR_LEVELS,
            _ => OTHER_LEVELS,
        };
        let sides = image.dimensions();
        assert!(
            largest <= allowed,
            "{sides:?}, {preprocess:?}: {largest} levels apart"
        );
    }
}
