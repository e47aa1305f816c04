//! Decoding of every format: values, orientation, truncation, limits.

mod jpeg_files;

use std::fs;
use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Frame, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 5] = [Format::Png, Format::Jpeg, Format::WebP, Format::Bmp, Format::Gif];

/// Smooth, so that JPEG keeps it, and different in every corner.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90])
    })
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn file_of(format: Format, image: RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => JpegEncoder::new_with_quality(&mut bytes, 98)
            .encode_image(&image)
            .unwrap(),
        _ => bytes = encode(image, format.of_image_crate()),
    }
    bytes
}

fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_format_gives_its_pixels() {
    // Few enough colours for a GIF's palette.
    let image = picture(17, 13);
    for format in FORMATS {
        let allowed = match format {
            // Coefficients are rounded.
            Format::Jpeg => 6,
            _ => 0,
        };
        let found = decode_bytes(&file_of(format, image.clone())).unwrap();
        let difference = largest_difference(&found, &image);
        assert!(difference <= allowed, "{format}: {difference}");
    }
}

/// `picture(40, 24)` by libjpeg-turbo: progressive, quality 95, colours at full resolution.
const PROGRESSIVE: &[u8] = include_bytes!("tests/progressive.jpg");

#[test]
fn scans_of_rising_detail_are_put_together() {
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

/// A PNG of any colour type and depth.
fn png_of(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, rows: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(vec![1, 2, 3, 250, 240, 230, 9, 99, 199]);
        encoder.set_trns(vec![0, 255, 128]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
    bytes
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
    // For each EXIF value, which upright corner the stored picture has at its top left, top right, bottom
    // left and bottom right (Exif 2.32, table 6: where row 0 and column 0 of the file are to be shown).
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
        let file = jpeg_files::with_orientation(&file_of(Format::Jpeg, stored), orientation);
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
fn inks_become_rgb() {
    // Adobe stores inks inverted: 255 is no ink. Each channel is dimmed by black.
    let found = decode_bytes(&jpeg_files::four_components([200, 100, 50, 128], 0)).unwrap();
    let expected = [200 * 128 / 255, 100 * 128 / 255, 50 * 128 / 255];
    for (found, expected) in found.get_pixel(3, 3).0.iter().zip(expected) {
        assert!(i32::from(*found).abs_diff(expected) <= 2, "{found} {expected}");
    }
    // With Adobe's YCCK, luminance and colour differences are those of the inks: 180 of each leaves 75.
    let found = decode_bytes(&jpeg_files::four_components([180, 128, 128, 255], 2)).unwrap();
    let grey = found.get_pixel(3, 3).0;
    assert!(grey.iter().all(|value| value.abs_diff(75) <= 2), "{grey:?}");
}

/// Files of every format and of layouts that take another way through a decoder.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = vec![
        ("progressive JPEG", PROGRESSIVE.to_vec()),
        (
            "grey JPEG",
            encode(GrayImage::from_pixel(19, 11, Luma([77])), ImageFormat::Jpeg),
        ),
        ("CMYK JPEG", jpeg_files::four_components([1, 99, 180, 255], 0)),
        (
            "JPEG with EXIF",
            jpeg_files::with_orientation(&file_of(Format::Jpeg, picture(16, 9)), 6),
        ),
        (
            "16-bit PNG",
            encode(
                DynamicImage::ImageRgb8(picture(9, 9)).into_rgb16(),
                ImageFormat::Png,
            ),
        ),
        (
            "palette PNG",
            png_of(
                4,
                2,
                png::ColorType::Indexed,
                png::BitDepth::Eight,
                &[0, 1, 2, 0, 1, 2, 0, 1],
            ),
        ),
        (
            "RGBA WebP",
            encode(
                DynamicImage::ImageRgb8(picture(9, 9)).into_rgba8(),
                ImageFormat::WebP,
            ),
        ),
        (
            "RGBA BMP",
            encode(
                DynamicImage::ImageRgb8(picture(9, 9)).into_rgba8(),
                ImageFormat::Bmp,
            ),
        ),
        (
            "grey BMP",
            encode(GrayImage::from_pixel(7, 7, Luma([77])), ImageFormat::Bmp),
        ),
    ];
    for (name, format) in ["PNG", "JPEG", "WebP", "BMP", "GIF"].into_iter().zip(FORMATS) {
        files.push((name, file_of(format, picture(33, 17))));
    }
    files
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for (name, file) in files() {
        decode_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        for end in 0..file.len() {
            let error = match decode_bytes(&file[..end]) {
                Err(error) => error,
                Ok(_) => panic!("{name}: decoded from {end} of {} bytes", file.len()),
            };
            assert!(
                !matches!(error, DecodeErrorKind::Panicked { .. }),
                "{name}, {end}: {error}"
            );
        }
        let half = &file[..file.len() / 2];
        for error in [decode_bytes(half).unwrap_err(), check_bytes(half).unwrap_err()] {
            assert!(
                matches!(error, DecodeErrorKind::Truncated { .. }),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn bytes_after_the_end_do_no_harm() {
    for (name, mut file) in files() {
        let expected = decode_bytes(&file).unwrap();
        file.extend([0, 0xff, 0xd8, 7]);
        assert_eq!(decode_bytes(&file).unwrap(), expected, "{name}");
    }
}

#[test]
fn damaged_scans_are_not_filled_with_grey() {
    let image = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, x as u8, y as u8]));
    let mut file = file_of(Format::Jpeg, image);
    // Sixteen ones in a row are no Huffman code.
    let middle = file.len() / 2;
    for pair in file[middle..middle + 40].as_chunks_mut().0 {
        *pair = [0xff, 0x00];
    }
    let error = decode_bytes(&file).unwrap_err();
    assert!(matches!(error, DecodeErrorKind::Malformed { .. }), "{error}");
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(which in 0usize..14, changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..6)) {
        let (_, mut file) = files().swap_remove(which);
        for (at, value) in changes {
            let at = at % file.len();
            file[at] = value;
        }
        let (decoded, checked) = (decode_bytes(&file), check_bytes(&file));
        prop_assert!(decoded.is_err() || checked.is_ok());
    }
}

#[test]
fn the_content_decides_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = folder.path().join("photo.png");
    fs::write(&jpeg, file_of(Format::Jpeg, picture(20, 10))).unwrap();
    assert_eq!(decode_file(&jpeg).unwrap().dimensions(), (20, 10));

    let text = folder.path().join("letter.png");
    fs::write(&text, "Dear reader,\nthis is no picture").unwrap();
    let error = decode_file(&text).unwrap_err();
    assert!(error.to_string().contains("letter.png"), "{error}");
    let reason = error.kind.to_string();
    assert!(
        reason.contains("no image") && reason.contains("Dear reader,"),
        "{reason}"
    );

    let binary = decode_bytes(&[0xfe, 0xed, 0, 1]).unwrap_err().to_string();
    assert!(binary.contains("fe ed 00 01"), "{binary}");
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |name: &str| decode_file(&folder.path().join(name)).unwrap_err().kind;
    assert!(matches!(kind("missing.png"), DecodeErrorKind::Io(_)));
    assert!(matches!(kind(""), DecodeErrorKind::NotAFile(_)));
    fs::write(folder.path().join("empty.png"), "").unwrap();
    assert!(matches!(kind("empty.png"), DecodeErrorKind::Empty));
    #[cfg(unix)]
    {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.path().join("pipe.png"))
            .status();
        if made.is_ok_and(|status| status.success()) {
            assert!(matches!(kind("pipe.png"), DecodeErrorKind::NotAFile(_)));
        }
    }
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let rows = vec![0; 12_000 * 12_000 / 8];
    let bomb = png_of(
        12_000,
        12_000,
        png::ColorType::Grayscale,
        png::BitDepth::One,
        &rows,
    );
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    let long = png_of(
        20_000,
        1,
        png::ColorType::Grayscale,
        png::BitDepth::One,
        &rows[..20_000 / 8],
    );
    let mut jpeg = file_of(Format::Jpeg, picture(16, 16));
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    for bytes in [bomb, long, jpeg] {
        for error in [
            decode_bytes(&bytes).unwrap_err(),
            check_bytes(&bytes).unwrap_err(),
        ] {
            let refused =
                matches!(error, DecodeErrorKind::TooLarge { .. }) || error.to_string().contains("large");
            assert!(refused, "{error}");
        }
    }
}
