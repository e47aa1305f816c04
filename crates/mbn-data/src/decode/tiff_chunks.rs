//! TIFF files in tiles, with more channels than colours, of CMYK colours, or with JPEG data: read strip by strip or tile by tile.
//!
//! The tiff crate (0.11.3) puts the pixels of such tiles in wrong places where the last tile of a row reaches beyond the
//! picture, fails at LZW there, panics where each channel has tiles of its own, and undoes a predictor after it has dropped
//! channels. What JPEG data lack it fills up with grey, and it does not look at their size.

mod geometry;
mod jpeg_parts;
mod unpack;

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::error::DecodeErrorKind;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use geometry::Geometry;
pub(super) use jpeg_parts::{check as check_jpeg, warning as jpeg_warning, working_bytes as jpeg_bytes};

/// Decodes a file that [`is_read_here`], of 16-bit channels the upper 8 bits. Colours that alpha multiplied are given
/// with it.
pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<DynamicImage, DecodeErrorKind> {
    let geometry = Geometry::of(bytes).ok_or_else(contradictory)?;
    let pixels = geometry.width * geometry.height;
    let mut image = vec![0; pixels * geometry.kept];
    let mut data = vec![0; geometry.buffer_bytes()];
    let mut row = Vec::new();
    for chunk in geometry.chunks() {
        let length = geometry.row_bytes * chunk.rows;
        match geometry.is_jpeg() {
            true => data = jpeg_parts::levels(&geometry, &chunk, limits)?,
            false => geometry.unpack(&chunk, &mut data[..length])?,
        }
        for (y, packed) in data[..length].chunks_exact(geometry.row_bytes).enumerate() {
            geometry.levels(packed, chunk.columns, &mut row);
            let at = ((chunk.top + y) * geometry.width + chunk.left) * geometry.kept;
            let target = &mut image[at..][..chunk.columns * geometry.kept];
            place(&row, geometry.interleaved, target, geometry.kept, chunk.plane);
        }
    }
    if geometry.is_inverted {
        image.iter_mut().for_each(|level| *level = !*level);
    }
    let (width, height) = (geometry.width as u32, geometry.height as u32);
    let image = match (geometry.kept, geometry.is_cmyk) {
        (1, _) => GrayImage::from_raw(width, height, image).map(DynamicImage::from),
        (3, _) => RgbImage::from_raw(width, height, image).map(DynamicImage::from),
        (_, false) => RgbaImage::from_raw(width, height, image).map(DynamicImage::from),
        (_, true) => RgbImage::from_raw(width, height, without_black(image)).map(DynamicImage::from),
    };
    image.ok_or_else(|| malformed("its channels have an unknown order"))
}

/// Whether a file is one of those that are read here.
pub(super) fn is_read_here(bytes: &[u8]) -> bool {
    Geometry::of(bytes).is_some_and(|geometry| geometry.is_read_here())
}

/// Bytes that decoding a file that [`is_read_here`] takes at once, with the pixels in RGB, without those of
/// [JPEG data](jpeg_bytes). `None` for another file.
pub(super) fn total_bytes(bytes: &[u8]) -> Option<u64> {
    let geometry = Geometry::of(bytes).filter(Geometry::is_read_here)?;
    let pixels = (geometry.width as u64).saturating_mul(geometry.height as u64);
    Some(
        pixels
            .saturating_mul(geometry.kept.max(3) as u64)
            .saturating_add(geometry.buffer_bytes() as u64),
    )
}

/// Copies the channels of a row that are kept: all of them, or those of one plane.
fn place(row: &[u8], interleaved: usize, target: &mut [u8], kept: usize, plane: usize) {
    if interleaved == kept {
        target.copy_from_slice(row);
        return;
    }
    // A plane holds one channel; pixels with other channels begin with those that are kept.
    let count = interleaved.min(kept);
    for (from, to) in row.chunks_exact(interleaved).zip(target.chunks_exact_mut(kept)) {
        to[plane..plane + count].copy_from_slice(&from[..count]);
    }
}

/// From CMYK to RGB, in place and in Pillow's integers.
fn without_black(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len() / 4;
    for pixel in 0..count {
        let white = 255 - u32::from(pixels[4 * pixel + 3]);
        for channel in 0..3 {
            let product = u32::from(pixels[4 * pixel + channel]) * white + 128;
            let ink = ((product >> 8) + product) >> 8;
            pixels[3 * pixel + channel] = (white - ink) as u8;
        }
    }
    pixels.truncate(3 * count);
    pixels
}

fn contradictory() -> DecodeErrorKind {
    malformed("a tag is missing or contradicts another")
}

fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Tiff,
        reason: reason.to_owned(),
    }
}
