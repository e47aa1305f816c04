//! Any pixel layout to 8-bit RGB.

use image::{ColorType, DynamicImage, RgbImage, Rgba, RgbaImage};

/// Converts like Pillow's `convert("RGB")`: repeats grey and drops alpha without blending. Keeps the high byte of
/// 16-bit channels.
pub(super) fn from_dynamic(image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let high = high_byte;
    let pixels = match image {
        DynamicImage::ImageRgb8(image) => return image,
        DynamicImage::ImageLuma8(image) => repeated(image.into_raw()),
        DynamicImage::ImageLumaA8(image) => image.as_chunks().0.iter().flat_map(|&[l, _]| [l; 3]).collect(),
        DynamicImage::ImageRgba8(image) => without_fourth(image.into_raw()),
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
        // Float layouts, which are refused before.
        other => return other.into_rgb8(),
    };
    RgbImage::from_raw(width, height, pixels).unwrap_or_else(|| RgbImage::new(width, height))
}

/// Bytes that a picture takes in a layout while it is converted to RGB. Some layouts are converted in place.
pub(super) fn bytes_with_conversion(layout: ColorType, width: u32, height: u32) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    let stored = pixels * u64::from(layout.bytes_per_pixel());
    match layout {
        ColorType::Rgb8 | ColorType::Rgba8 | ColorType::L8 => stored.max(3 * pixels),
        _ => stored + 3 * pixels,
    }
}

/// Repeats every byte three times, in place.
fn repeated(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len();
    pixels.resize(3 * count, 0);
    // From the end, so that no byte is overwritten before it is read.
    for pixel in (0..count).rev() {
        let grey = pixels[pixel];
        pixels[3 * pixel..3 * pixel + 3].fill(grey);
    }
    pixels
}

/// Drops every fourth byte in place: a panorama with alpha would not fit twice.
fn without_fourth(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len() / 4;
    for pixel in 1..count {
        pixels.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
    }
    pixels.truncate(3 * count);
    pixels
}

/// Divides colours by alpha, which multiplied them, in Pillow's integers. Of 16-bit channels, keeps the high byte first.
pub(super) fn undo_alpha(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() || !image.color().has_color() {
        return image;
    }
    let mut pixels = match image {
        DynamicImage::ImageRgba8(image) => image,
        DynamicImage::ImageRgba16(image) => {
            let (width, height) = image.dimensions();
            let high = image.iter().map(|&channel| high_byte(channel)).collect();
            RgbaImage::from_raw(width, height, high).unwrap_or_else(|| RgbaImage::new(width, height))
        }
        other => return other,
    };
    for Rgba([colours @ .., alpha]) in pixels.pixels_mut() {
        if *alpha == 0 {
            continue;
        }
        for colour in colours {
            *colour = (255 * u32::from(*colour) / u32::from(*alpha)).min(255) as u8;
        }
    }
    DynamicImage::ImageRgba8(pixels)
}

fn high_byte(value: u16) -> u8 {
    value.to_be_bytes()[0]
}
