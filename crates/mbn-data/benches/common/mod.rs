//! Pictures that the benchmarks make for themselves.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// A JPEG file with about as much detail as a photograph: 20 KB for 224 x 224, at quality 85.
pub fn jpeg(width: u32, height: u32, index: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| {
        let noise =
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ index).wrapping_mul(2_246_822_519);
        image::Rgb([x as u8, y as u8, (x + y) as u8].map(|base| base.saturating_add((noise >> 27) as u8)))
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85)
        .encode_image(&image)
        .expect("writing to memory");
    bytes
}
