//! Small copies of pictures, as JPEG files of bounded size.

use image::RgbImage;
use mozjpeg::{ColorSpace, Compress};

use crate::resize::resize_to;

/// Qualities in the scale of libjpeg, tried in this order until the file is small enough.
const QUALITIES: [f32; 5] = [72.0, 58.0, 44.0, 30.0, 15.0];

/// A JPEG copy of a picture. Its longer side has at most `side` pixels, its file at most `most` bytes; what does not fit is
/// made coarser, then smaller. `None` for a picture without pixels, or if nothing fits.
pub fn thumbnail(image: &RgbImage, side: u32, most: usize) -> Option<Vec<u8>> {
    let mut side = side;
    while side > 0 {
        let small = shrunk(image, side)?;
        let mut files = QUALITIES.iter().filter_map(|quality| jpeg(&small, *quality));
        if let Some(file) = files.find(|file| file.len() <= most) {
            return Some(file);
        }
        side /= 2;
    }
    None
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

/// The picture as a baseline JPEG file with halved colour. libjpeg reports errors by unwinding.
fn jpeg(image: &RgbImage, quality: f32) -> Option<Vec<u8>> {
    let encode = || {
        let mut compress = Compress::new(ColorSpace::JCS_RGB);
        compress.set_fastest_defaults();
        compress.set_size(image.width() as usize, image.height() as usize);
        compress.set_quality(quality);
        compress.set_optimize_coding(true);
        let mut started = compress.start_compress(Vec::new()).ok()?;
        started.write_scanlines(image.as_raw()).ok()?;
        started.finish().ok()
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
