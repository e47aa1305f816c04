//! Decodes files of every format. This file makes them.

mod damaged;
mod endings;
mod jpeg_files;
mod jpeg_segments;
mod large;
mod pixels;
mod pnm;
mod refused;
mod runs;
mod tiff;
mod tiff_chunks;
pub(super) mod tiff_files;
mod tiff_jpeg;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb};

use super::*;

/// An image that differs in every corner and is smooth, so that JPEG changes it little.
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

fn file_of(format: PictureFormat, image: RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        PictureFormat::Jpeg => JpegEncoder::new_with_quality(&mut bytes, 98)
            .encode_image(&image)
            .unwrap(),
        PictureFormat::Pnm => {
            bytes = format!("P6 {} {} 255\n", image.width(), image.height()).into_bytes();
            bytes.extend(image.into_raw());
        }
        _ => bytes = encode(image, image_crate::image_format(format).unwrap()),
    }
    bytes
}

fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// `picture(40, 24)` written by libjpeg-turbo: progressive, quality 95, no chroma subsampling.
const PROGRESSIVE: &[u8] = include_bytes!("tests/progressive.jpg");

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

/// Files of every format, and of layouts that a decoder handles differently.
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
            jpeg_files::with_orientation(&file_of(PictureFormat::Jpeg, picture(16, 9)), 6),
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
    for (name, format) in ["PNG", "JPEG", "WebP", "BMP", "GIF", "TIFF", "PNM"]
        .into_iter()
        .zip(PictureFormat::ALL)
    {
        files.push((name, file_of(format, picture(33, 17))));
    }
    files.push(("BMP in runs", runs::runs_of_both_kinds()));
    files.extend(tiff_chunks::tiled());
    files.extend(pnm::of_every_kind());
    files
}
