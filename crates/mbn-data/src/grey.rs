//! Pictures without colours.

use image::RgbImage;

/// Gives each pixel its luminance as red, green and blue: Pillow's `convert("L")`, to the bit. Grey pictures stay as they are.
pub fn make_grey(image: &mut RgbImage) {
    for pixel in image.as_chunks_mut::<3>().0 {
        *pixel = [luminance(*pixel); 3];
    }
}

/// Luminance with Pillow's ITU-R 601 weights in 16-bit fixed point.
pub(crate) fn luminance([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_pillows() {
        for (pixel, level) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([255, 255, 255], 255),
            ([10, 200, 90], 131),
        ] {
            let mut image = RgbImage::from_pixel(2, 1, image::Rgb(pixel));
            make_grey(&mut image);
            assert!(image.iter().all(|value| *value == level), "{pixel:?}: {image:?}");
        }
        for level in 0..=255 {
            assert_eq!(luminance([level; 3]), level);
        }
    }
}
