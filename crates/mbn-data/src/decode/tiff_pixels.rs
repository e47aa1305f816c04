//! The pixels of the usual TIFF files, decoded into the memory that they stay in. The image crate copies them once more.

use std::io::Cursor;

use ::tiff::ColorType;
use ::tiff::TiffError;
use ::tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use image::error::{
    DecodingError, ImageError, LimitError, LimitErrorKind, UnsupportedError, UnsupportedErrorKind,
};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage, RgbaImage};

use super::limits::Limits;

/// Decodes a file for which [`is_plain`](super::tiff::is_plain) is true.
pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<DynamicImage, ImageError> {
    decode_plain(bytes, limits)
        .map_err(|error| match error {
            TiffError::IoError(error) => ImageError::IoError(error),
            TiffError::LimitsExceeded => {
                ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory))
            }
            TiffError::UnsupportedError(error) => unsupported(error.to_string()),
            error => ImageError::Decoding(DecodingError::new(ImageFormat::Tiff.into(), error)),
        })?
        .ok_or_else(|| unsupported("its layout".to_owned()))
}

/// `None` for another layout.
fn decode_plain(bytes: &[u8], limits: Limits) -> Result<Option<DynamicImage>, TiffError> {
    let mut of_crate = TiffLimits::default();
    let most = usize::try_from(limits.max_bytes()).unwrap_or(usize::MAX);
    (of_crate.decoding_buffer_size, of_crate.intermediate_buffer_size) = (most, most);
    let mut decoder = Decoder::new(Cursor::new(bytes))?.with_limits(of_crate);
    let (width, height) = decoder.dimensions()?;
    let layout = decoder.colortype()?;
    let mut pixels = DecodingResult::U8(Vec::new());
    decoder.read_image_to_buffer(&mut pixels)?;
    let DecodingResult::U8(pixels) = pixels else {
        return Ok(None);
    };
    Ok(match layout {
        ColorType::Gray(8) => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::RGB(8) => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::RGBA(8) => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => None,
    })
}

fn unsupported(what: String) -> ImageError {
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(
        ImageFormat::Tiff.into(),
        UnsupportedErrorKind::GenericFeature(what),
    ))
}
