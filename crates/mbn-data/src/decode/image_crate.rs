//! WebP, PNG and BMP through the image crate.

use std::io::{Cursor, ErrorKind};

use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::error::DecodeErrorKind;
use super::limits::{MAX_DECODED_BYTES, check_size};
use super::picture_format::PictureFormat;
use super::{orientation, rgb};

/// Decodes a file to upright RGB.
pub(super) fn decode(format: PictureFormat, bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    let convert = |error| from_image_error(format, error);
    let mut decoder = open(format, bytes)?;
    let turn = decoder.orientation().map_err(convert)?;
    let mut image = rgb::from_dynamic(DynamicImage::from_decoder(decoder).map_err(convert)?);
    orientation::apply(&mut image, turn);
    Ok(image)
}

/// Reads the header and checks the size.
pub(super) fn open(format: PictureFormat, bytes: &[u8]) -> Result<impl ImageDecoder, DecodeErrorKind> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| from_image_error(format, error))?;
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
    }
}

/// What a decoder found, in our words. Its own are for its developers.
fn from_image_error(format: PictureFormat, error: ImageError) -> DecodeErrorKind {
    log::debug!("{format}: {error}");
    match error {
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
