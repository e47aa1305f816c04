//! JPEG through zune-jpeg. Strict about scans: a lenient decoder fills damaged ones with grey.

use image::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::error::DecodeErrorKind;
use super::limits::{MAX_SIDE, check_size};
use super::orientation;
use super::picture_format::PictureFormat;

/// Decodes a JPEG file of any colour space to upright RGB.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    let mut decoder = open(bytes)?;
    let (width, height) = dimensions(&decoder)?;
    let strict = decoder.options().set_strict_mode(true);
    decoder.set_options(strict);
    let mut image = RgbImage::new(width, height);
    decoder.decode_into(&mut image).map_err(malformed)?;
    orientation::apply(&mut image, orientation::of(PictureFormat::Jpeg, bytes));
    Ok(image)
}

/// Reads the headers and checks the size.
pub(super) fn open(bytes: &[u8]) -> Result<JpegDecoder<ZCursor<&[u8]>>, DecodeErrorKind> {
    // A strict decoder refuses files with a few stray bytes between header segments, which every other reader accepts.
    // So `decode` becomes strict after the headers.
    let lenient = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(false)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    debug_assert!(MAX_SIDE <= u32::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), lenient);
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) = dimensions(&decoder)?;
    check_size(
        PictureFormat::Jpeg,
        width,
        height,
        3 * u64::from(width) * u64::from(height),
    )?;
    Ok(decoder)
}

fn dimensions(decoder: &JpegDecoder<ZCursor<&[u8]>>) -> Result<(u32, u32), DecodeErrorKind> {
    let missing = || malformed(DecodeErrors::FormatStatic("it has no frame header"));
    let (width, height) = decoder.dimensions().ok_or_else(missing)?;
    Ok((width as u32, height as u32))
}

fn malformed(error: DecodeErrors) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Jpeg,
        reason: error.to_string(),
    }
}
