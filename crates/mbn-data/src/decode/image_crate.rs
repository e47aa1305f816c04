//! WebP, BMP and TIFF through the image crate.

use std::io::{Cursor, ErrorKind};

use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::error::DecodeErrorKind;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};
use super::{rgb, tiff, tiff_chunks, tiff_pixels};

/// Decodes a file to RGB, as it is stored.
pub(super) fn decode(
    format: PictureFormat,
    bytes: &[u8],
    request: &Request,
) -> Result<Stored, DecodeErrorKind> {
    let decoder = open(format, bytes, request.limits)?;
    let (width, height) = decoder.dimensions();
    let parts = match format {
        PictureFormat::Tiff => tiff_chunks::jpeg_bytes(bytes),
        _ => 0,
    };
    let total = total_bytes(format, bytes, &decoder).saturating_add(parts);
    let working = total.saturating_sub(rgb_bytes(width, height));
    let memory = request.reserve(width, height, working);
    let image = pixels(format, bytes, decoder, request.limits)?;
    Ok(Stored::whole(image, memory))
}

/// As [`decode`], of a file for which there is memory.
pub(super) fn decode_reserved(
    format: PictureFormat,
    bytes: &[u8],
    limits: Limits,
) -> Result<RgbImage, DecodeErrorKind> {
    pixels(format, bytes, open(format, bytes, limits)?, limits)
}

fn pixels(
    format: PictureFormat,
    bytes: &[u8],
    decoder: impl ImageDecoder,
    limits: Limits,
) -> Result<RgbImage, DecodeErrorKind> {
    let failed = |error| from_image_error(format, bytes, error, limits);
    let decoded = match format {
        PictureFormat::Tiff if tiff_chunks::is_read_here(bytes) => tiff_chunks::decode(bytes, limits)?,
        PictureFormat::Tiff if tiff::is_plain(bytes) => tiff_pixels::decode(bytes, limits).map_err(failed)?,
        _ => DynamicImage::from_decoder(decoder).map_err(failed)?,
    };
    let is_multiplied = format == PictureFormat::Tiff && tiff::has_associated_alpha(bytes);
    Ok(rgb::from_dynamic(if is_multiplied {
        rgb::undo_alpha(decoded)
    } else {
        decoded
    }))
}

/// Reads the header and checks the size.
pub(super) fn open(
    format: PictureFormat,
    bytes: &[u8],
    limits: Limits,
) -> Result<impl ImageDecoder, DecodeErrorKind> {
    match format {
        PictureFormat::Tiff if !tiff::is_understood(bytes) => return Err(unsupported(format, bytes)),
        PictureFormat::Tiff if tiff::begins_with_copy(bytes) => {
            return Err(DecodeErrorKind::Unsupported {
                format,
                form: "its first page is a small copy of the picture".to_owned(),
            });
        }
        _ => {}
    }
    let mut of_crate = image::Limits::default();
    // Of TIFF files the crate counts compressed data too.
    let copies = if format == PictureFormat::Tiff { 2 } else { 1 };
    of_crate.max_alloc = Some(copies * limits.max_bytes());
    let of_image = image_format(format).ok_or_else(|| unsupported(format, bytes))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), of_image);
    reader.limits(of_crate);
    let decoder = reader
        .into_decoder()
        .map_err(|error| from_image_error(format, bytes, error, limits))?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(unsupported(format, bytes));
    }
    let (width, height) = decoder.dimensions();
    limits.check_pixels(format, width, height)?;
    limits.check_bytes(format, "", total_bytes(format, bytes, &decoder))?;
    if format == PictureFormat::Tiff {
        tiff_chunks::check_jpeg(bytes, limits)?;
    }
    Ok(decoder)
}

/// Bytes that decoding takes at once, with the pixels in RGB.
pub(super) fn total_bytes(format: PictureFormat, bytes: &[u8], decoder: &impl ImageDecoder) -> u64 {
    let (width, height) = decoder.dimensions();
    let layout = decoder.total_bytes();
    if format == PictureFormat::Tiff
        && let Some(bytes) = tiff_chunks::total_bytes(bytes)
    {
        return bytes;
    }
    let decoding = match format {
        // All pixels before they are copied.
        PictureFormat::Tiff if !tiff::is_plain(bytes) => layout.saturating_mul(2),
        // Colours before their conversion, or pixels with alpha.
        PictureFormat::WebP => layout.saturating_add(rgb_bytes(width, height) / 3 * 4),
        _ => layout,
    };
    decoding.max(rgb::bytes_with_conversion(decoder.color_type(), width, height))
}

/// The crate's name for a format; `None` for those that it does not read.
pub(super) fn image_format(format: PictureFormat) -> Option<ImageFormat> {
    Some(match format {
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Bmp => ImageFormat::Bmp,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::Tiff => ImageFormat::Tiff,
        PictureFormat::Pnm | PictureFormat::Heic | PictureFormat::Avif => return None,
    })
}

fn unsupported(format: PictureFormat, bytes: &[u8]) -> DecodeErrorKind {
    let form = match format {
        PictureFormat::Tiff => tiff::describe_form(bytes),
        _ => None,
    };
    DecodeErrorKind::Unsupported {
        format,
        form: form.unwrap_or_else(|| "a rare layout".to_owned()),
    }
}

/// What a decoder found, in our words. Its own are for its developers.
pub(super) fn from_image_error(
    format: PictureFormat,
    bytes: &[u8],
    error: ImageError,
    limits: Limits,
) -> DecodeErrorKind {
    log::debug!("{format}: {error}");
    match error {
        ImageError::Unsupported(_) if format == PictureFormat::Tiff => unsupported(format, bytes),
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            DecodeErrorKind::Truncated {
                format,
                missing: "it ends within the pixels".to_owned(),
            }
        }
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::InsufficientMemory => {
            DecodeErrorKind::Malformed {
                format,
                reason: format!(
                    "it takes more than {} MB of memory",
                    limits.max_bytes() / 1_000_000
                ),
            }
        }
        ImageError::Unsupported(_) => DecodeErrorKind::Unsupported {
            format,
            form: "its depth, colours or compression are rare".to_owned(),
        },
        _ => DecodeErrorKind::Malformed {
            format,
            reason: "its data are damaged".to_owned(),
        },
    }
}
