//! Any pixel layout to 8-bit RGB.

use image::{DynamicImage, RgbImage};

/// Converts like Pillow's `convert("RGB")`: repeats grey and drops alpha without blending. Keeps the high byte of
/// 16-bit channels.
pub(super) fn from_dynamic(image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let high = |value: u16| value.to_be_bytes()[0];
    let pixels = match image {
        DynamicImage::ImageRgb8(image) => return image,
        DynamicImage::ImageLuma8(image) => image.iter().flat_map(|&l| [l; 3]).collect(),
        DynamicImage::ImageLumaA8(image) => image.as_chunks().0.iter().flat_map(|&[l, _]| [l; 3]).collect(),
        DynamicImage::ImageRgba8(image) => {
            let pixels = image.as_chunks().0.iter();
            pixels.flat_map(|&[r, g, b, _]| [r, g, b]).collect()
        }
        DynamicImage::ImageLuma16(image) => image.iter().flat_map(|&l| [high(l); 3]).collect(),
        DynamicImage::ImageLumaA16(image) => {
            let pixels = image.as_chunks().0.iter();
            pixels.flat_map(|&[l, _]| [high(l); 3]).collect()
        }
        DynamicImage::ImageRgb16(image) => image.iter().map(|&channel| high(channel)).collect(),
        DynamicImage::ImageRgba16(image) => {
            let pixels = image.as_chunks().0.iter();
            pixels
                .flat_map(|&[r, g, b, _]| [high(r), high(g), high(b)])
                .collect()
        }
        // Float layouts, which no supported format has.
        other => return other.into_rgb8(),
    };
    RgbImage::from_raw(width, height, pixels).unwrap_or_else(|| RgbImage::new(width, height))
}
