//! Small copies of pictures, as JPEG files of bounded size.

use image::RgbImage;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use crate::resize::resize_to;

/// The quality that is tried first, in the scale of libjpeg.
const FIRST: u8 = 45;
/// Sizes of files at some qualities, in units of that at [`FIRST`]: 19 of 20 photos of 160 x 160 are smaller. The first and the
/// last are the worst and the best quality that is taken.
const SIZES: [(u8, f64); 7] = [
    (15, 0.59),
    (20, 0.65),
    (30, 0.80),
    (FIRST, 1.0),
    (55, 1.16),
    (65, 1.38),
    (72, 1.57),
];
/// Bytes of a file that hardly depend on its quality.
const HEADERS: f64 = 300.0;
/// The same, and what other Huffman tables would save, of a file with those of the standard.
const STANDARD_HEADERS: f64 = 650.0;

/// The Huffman tables of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tables {
    /// Of the standard, in half the time.
    Standard,
    /// Made for the picture.
    Own,
}

/// A JPEG copy of a picture. Its longer side has at most `side` pixels, its file at most `most` bytes; what does not fit is
/// made coarser, then smaller. `None` for a picture without pixels, or if nothing fits.
pub fn thumbnail(image: &RgbImage, side: u32, most: usize) -> Option<Vec<u8>> {
    let mut side = side;
    while side > 0 {
        let small = shrunk(image, side)?;
        if let Some(file) = best_file(most, |quality, tables| jpeg(&small, quality, tables)) {
            return Some(file);
        }
        side /= 2;
    }
    None
}

/// The file of about the best quality that has at most `most` bytes. The first file tells which quality that is, so most pictures
/// are encoded twice. `None` if nothing fits.
fn best_file(most: usize, mut encode: impl FnMut(u8, Tables) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let worst = SIZES[0].0;
    let first = encode(FIRST, Tables::Standard)?;
    let guess = quality_of(most, first.len());
    let mut fitting = |quality| encode(quality, Tables::Own).filter(|file| file.len() <= most);
    if let Some(file) = fitting(guess) {
        return Some(file);
    }
    match first.len() <= most {
        true => fitting(FIRST.midpoint(guess)).or(Some(first)),
        false if guess > worst => fitting(worst),
        false => None,
    }
}

/// The quality at which a picture is expected to have `wanted` bytes if its first file has `found`.
fn quality_of(wanted: usize, found: usize) -> u8 {
    let ratio = (wanted as f64 - HEADERS) / (found as f64 - STANDARD_HEADERS).max(1.0);
    let between = |pair: &[(u8, f64)]| {
        let [(low, smaller), (high, larger)] = *pair else {
            return None;
        };
        let share = (ratio - smaller) / (larger - smaller);
        (share < 1.0).then(|| low + (share.max(0.0) * f64::from(high - low)) as u8)
    };
    let best = SIZES[SIZES.len() - 1].0;
    SIZES.windows(2).find_map(between).unwrap_or(best)
}

/// The picture with a longer side of at most `side` pixels. Small pictures stay as they are.
fn shrunk(image: &RgbImage, side: u32) -> Option<RgbImage> {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if image.is_empty() {
        return None;
    }
    if longer <= side {
        return Some(image.clone());
    }
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) + u64::from(longer) / 2;
        u32::try_from(scaled / u64::from(longer)).unwrap_or(side).max(1)
    };
    resize_to(image, scaled(width), scaled(height)).ok()
}

/// The picture as a baseline JPEG file with halved colour.
fn jpeg(image: &RgbImage, quality: u8, tables: Tables) -> Option<Vec<u8>> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let encode = || {
        Encoder::new(image.as_raw(), width, height, PixelFormat::Rgb)
            .quality(quality)
            .subsampling(Subsampling::S420)
            .optimize_huffman(tables == Tables::Own)
            .encode()
            .ok()
    };
    crate::panics::caught(encode).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean difference of a byte to which a small JPEG keeps a smooth picture.
    const KEPT: f64 = 4.0;

    fn size_of(file: &[u8]) -> (u32, u32) {
        crate::decode_bytes(file).unwrap().dimensions()
    }

    #[test]
    fn the_shape_is_kept() {
        for (from, to) in [
            ((640, 480), (160, 120)),
            ((300, 900), (53, 160)),
            ((160, 20), (160, 20)),
            ((10_000, 3), (160, 1)),
            ((1, 1), (1, 1)),
            ((17, 9), (17, 9)),
        ] {
            let image = RgbImage::from_pixel(from.0, from.1, image::Rgb([200, 100, 50]));
            assert_eq!(size_of(&thumbnail(&image, 160, 4000).unwrap()), to, "{from:?}");
        }
    }

    #[test]
    fn a_smooth_picture_looks_the_same() {
        let image = RgbImage::from_fn(150, 100, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let found = crate::decode_bytes(&thumbnail(&image, 160, 4000).unwrap()).unwrap();
        let pairs = image.as_raw().iter().zip(found.as_raw());
        let sum: f64 = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum();
        let mean = sum / image.as_raw().len() as f64;
        assert!(mean < KEPT, "{mean}");
    }

    /// Waves, and noise of some strength: from files of the best quality that is taken to files too large for the worst.
    fn photo(noise: u32) -> RgbImage {
        let mut state = 1u32;
        RgbImage::from_fn(160, 120, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = (f64::from(x) / 7.0).sin() + (f64::from(y) / 5.0).cos();
            let level = 100.0 + 40.0 * wave + f64::from((state >> 16) % (noise + 1));
            image::Rgb([level as u8, (level * 0.9) as u8, (level * 0.7) as u8])
        })
    }

    #[test]
    fn few_encodings_find_a_file_that_fills_its_room() {
        const MOST: usize = 3840;
        let best = SIZES[SIZES.len() - 1].0;
        for noise in 0..120 {
            let image = photo(noise);
            let mut encodings = Vec::new();
            let file = best_file(MOST, |quality, tables| {
                encodings.push(quality);
                jpeg(&image, quality, tables)
            });
            assert!(encodings.len() <= 3, "{encodings:?}");
            let least = if encodings == [FIRST, best] {
                1
            } else {
                MOST * 2 / 3
            };
            let length = file.map_or(0, |file| file.len());
            assert!((least..=MOST).contains(&length), "{length} at {encodings:?}");
        }
    }

    /// Noise, of which JPEG makes the largest files.
    #[test]
    fn no_file_is_larger_than_allowed() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let image = RgbImage::from_fn(400, 300, |_, _| image::Rgb([noise(), noise(), noise()]));
        for most in [4000, 2000, 1000] {
            let file = thumbnail(&image, 160, most).unwrap();
            assert!(file.len() <= most, "{} of {most}", file.len());
        }
        // No JPEG file is that small.
        assert_eq!(thumbnail(&image, 160, 100), None);
        assert_eq!(thumbnail(&RgbImage::new(0, 5), 160, 4000), None);
    }
}
