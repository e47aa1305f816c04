//! Pixel values: colour layouts, depths, orientations.

use image::codecs::gif::GifEncoder;
use image::{Frame, ImageBuffer, LumaA, Rgba};

use super::*;

#[test]
fn every_format_gives_its_pixels() {
    // Few enough colours for a GIF's palette.
    let image = picture(17, 13);
    for format in PictureFormat::ALL {
        let allowed = match format {
            // Coefficients are rounded.
            PictureFormat::Jpeg => 6,
            _ => 0,
        };
        let found = decode_bytes(&file_of(format, image.clone())).unwrap();
        let difference = largest_difference(&found, &image);
        assert!(difference <= allowed, "{format}: {difference}");
    }
}

#[test]
fn progressive_scans_are_combined() {
    let found = decode_bytes(PROGRESSIVE).unwrap();
    // Coefficients are rounded.
    assert!(largest_difference(&found, &picture(40, 24)) <= 6);
}

#[test]
fn grey_is_repeated_and_alpha_is_dropped() {
    let grey = GrayImage::from_fn(9, 5, |x, y| Luma([(x * 25 + y) as u8]));
    let found = decode_bytes(&encode(grey.clone(), ImageFormat::Png)).unwrap();
    assert!(
        found
            .pixels()
            .zip(grey.pixels())
            .all(|(rgb, l)| rgb.0 == [l.0[0]; 3])
    );

    let grey_alpha = ImageBuffer::from_fn(9, 5, |x, y| LumaA([(x * 20) as u8, (y * 50) as u8]));
    let found = decode_bytes(&encode(grey_alpha, ImageFormat::Png)).unwrap();
    assert!(
        found
            .enumerate_pixels()
            .all(|(x, _, rgb)| rgb.0 == [(x * 20) as u8; 3])
    );

    let alpha = ImageBuffer::from_fn(9, 5, |x, y| Rgba([x as u8, y as u8, 200, (x * y) as u8]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
        let found = decode_bytes(&encode(alpha.clone(), format)).unwrap();
        let same = |(x, y, rgb): (u32, u32, &Rgb<u8>)| rgb.0 == [x as u8, y as u8, 200];
        assert!(found.enumerate_pixels().all(same), "{format:?}");
    }
}

#[test]
fn sixteen_bits_keep_the_high_byte() {
    let values = [0u16, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xfeff, 0xffff];
    let expected = |x: u32| (values[x as usize] >> 8) as u8;
    let width = values.len() as u32;
    let at = |x: u32| values[x as usize];
    let images: [DynamicImage; 4] = [
        DynamicImage::ImageLuma16(ImageBuffer::from_fn(width, 2, |x, _| Luma([at(x)]))),
        DynamicImage::ImageLumaA16(ImageBuffer::from_fn(width, 2, |x, _| LumaA([at(x), 1]))),
        DynamicImage::ImageRgb16(ImageBuffer::from_fn(width, 2, |x, _| Rgb([at(x); 3]))),
        DynamicImage::ImageRgba16(ImageBuffer::from_fn(width, 2, |x, _| {
            Rgba([at(x), at(x), at(x), 9])
        })),
    ];
    for image in images {
        let found = decode_bytes(&encode(image, ImageFormat::Png)).unwrap();
        assert!(
            found
                .enumerate_pixels()
                .all(|(x, _, rgb)| rgb.0 == [expected(x); 3])
        );
    }
}

#[test]
fn palettes_and_few_bits_are_expanded() {
    let palette = [[1, 2, 3], [250, 240, 230], [9, 99, 199]];
    let png = png_of(
        4,
        1,
        png::ColorType::Indexed,
        png::BitDepth::Two,
        &[0b00_01_10_01],
    );
    let found = decode_bytes(&png).unwrap();
    let pixels: Vec<[u8; 3]> = found.pixels().map(|pixel| pixel.0).collect();
    assert_eq!(pixels, [palette[0], palette[1], palette[2], palette[1]]);

    let png = png_of(
        4,
        1,
        png::ColorType::Grayscale,
        png::BitDepth::Two,
        &[0b00_01_10_11],
    );
    let found = decode_bytes(&png).unwrap();
    let pixels: Vec<u8> = found.pixels().map(|pixel| pixel.0[0]).collect();
    assert_eq!(pixels, [0, 85, 170, 255]);
}

#[test]
fn the_first_frame_of_an_animation_is_taken() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for grey in [30u8, 220] {
        let frame = ImageBuffer::from_pixel(8, 8, Rgba([grey, grey, grey, 255]));
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let found = decode_bytes(&bytes).unwrap();
    assert!(
        found.pixels().all(|pixel| pixel.0[0].abs_diff(30) < 8),
        "{:?}",
        found.get_pixel(0, 0)
    );
}

#[test]
fn exif_orientation_is_applied() {
    // Colours of the upright picture's corners, in reading order.
    let upright = [[230, 20, 20], [20, 230, 20], [20, 20, 230], [220, 220, 30]];
    // For each EXIF value, the upright corners that are stored at the top left, top right, bottom left and bottom right
    // (Exif 2.32, table 6, which says where row 0 and column 0 of the file are shown).
    let stored_corners = [
        [0, 1, 2, 3],
        [1, 0, 3, 2],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
        [0, 2, 1, 3],
        [1, 3, 0, 2],
        [3, 1, 2, 0],
        [2, 0, 3, 1],
    ];
    for (orientation, corners) in (1u8..).zip(stored_corners) {
        let (width, height) = if orientation < 5 { (48, 32) } else { (32, 48) };
        let stored = RgbImage::from_fn(width, height, |x, y| {
            let corner = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
            Rgb(upright[corners[corner]])
        });
        let file = jpeg_files::with_orientation(&file_of(PictureFormat::Jpeg, stored), orientation);
        let found = decode_bytes(&file).unwrap();
        assert_eq!(found.dimensions(), (48, 32), "orientation {orientation}");
        for (corner, (x, y)) in [(4, 4), (43, 4), (4, 27), (43, 27)].into_iter().enumerate() {
            let pixel = found.get_pixel(x, y).0;
            let close = pixel.iter().zip(upright[corner]).all(|(a, b)| a.abs_diff(b) < 12);
            assert!(close, "orientation {orientation}, corner {corner}: {pixel:?}");
        }
    }
}

#[test]
fn cmyk_and_ycck_become_rgb() {
    // Adobe stores inverted inks: 255 means no ink. Black dims every channel.
    let found = decode_bytes(&jpeg_files::four_components([200, 100, 50, 128], 0)).unwrap();
    let expected = [200 * 128 / 255, 100 * 128 / 255, 50 * 128 / 255];
    for (found, expected) in found.get_pixel(3, 3).0.iter().zip(expected) {
        assert!(i32::from(*found).abs_diff(expected) <= 2, "{found} {expected}");
    }
    // In Adobe's YCCK, luminance and chroma describe the inks: 180 of each leaves 75.
    let found = decode_bytes(&jpeg_files::four_components([180, 128, 128, 255], 2)).unwrap();
    let grey = found.get_pixel(3, 3).0;
    assert!(grey.iter().all(|value| value.abs_diff(75) <= 2), "{grey:?}");
}
