//! WebP, PNG, BMP and TIFF through the image crate.

use std::io::{Cursor, ErrorKind};

use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::error::DecodeErrorKind;
use super::limits::{MAX_DECODED_BYTES, check_size};
use super::picture_format::PictureFormat;
use super::{rgb, tiff, webp};

/// Decodes a file to RGB, as it is stored.
pub(super) fn decode(format: PictureFormat, bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    let decoder = open(format, bytes)?;
    let decoded =
        DynamicImage::from_decoder(decoder).map_err(|error| from_image_error(format, bytes, error))?;
    let is_multiplied = format == PictureFormat::Tiff && tiff::has_associated_alpha(bytes);
    Ok(rgb::from_dynamic(if is_multiplied {
        rgb::undo_alpha(decoded)
    } else {
        decoded
    }))
}

/// Reads the header and checks the size.
pub(super) fn open(format: PictureFormat, bytes: &[u8]) -> Result<impl ImageDecoder, DecodeErrorKind> {
    match format {
        PictureFormat::Tiff if !tiff::is_understood(bytes) => return Err(unsupported(format, bytes)),
        PictureFormat::WebP if !webp::has_one_size(bytes) => {
            return Err(DecodeErrorKind::Malformed {
                format,
                reason: "its first frame has another size than its header says".to_owned(),
            });
        }
        _ => {}
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| from_image_error(format, bytes, error))?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(unsupported(format, bytes));
    }
    let (width, height) = decoder.dimensions();
    check_size(format, width, height, decoder.total_bytes())?;
    Ok(decoder)
}

pub(super) fn image_format(format: PictureFormat) -> ImageFormat {
    match format {
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Bmp => ImageFormat::Bmp,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::Tiff => ImageFormat::Tiff,
    }
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
fn from_image_error(format: PictureFormat, bytes: &[u8], error: ImageError) -> DecodeErrorKind {
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
                reason: format!("it needs more than {MAX_DECODED_BYTES} bytes of memory"),
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
