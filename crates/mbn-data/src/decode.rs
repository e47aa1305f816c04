//! Picture files to upright RGB bytes. The content decides the format, not the name; a file that lacks pixels is an error.
//!
//! All threads share a budget of memory for the pictures that they decode at once, and wait for each other where it is used
//! up. What a function has returned counts no more, unless [`holding_memory`] lets it.
//!
//! A new decoder is a file here and an arm in [`decode_bytes_with`] and [`check_bytes`]; a new format also needs entries in
//! `picture_format` and `ending`.

mod bmp;
mod bmp_runs;
mod ending;
mod error;
mod file;
mod gif;
mod heif;
mod heif_library;
mod image_crate;
mod jpeg;
mod limits;
mod memory;
mod options;
mod orientation;
mod picture_format;
mod png_checksums;
mod png_fast;
mod png_pixels;
mod pnm;
mod pnm_text;
mod request;
mod rgb;
mod segments;
mod tiff;
mod tiff_chunks;
mod tiff_fields;
mod tiff_file;
mod tiff_pixels;
mod unrecognised;
mod warning;
mod webp;

use crate::file_kind::RAW;
use crate::panics::caught;
use std::path::Path;

use image::RgbImage;

use ending::Finished;
pub use error::{DecodeError, DecodeErrorKind};
pub use heif_library::read_heif;
pub use limits::{DEFAULT_MAX_PIXELS, MAX_FILE_BYTES, pixels_for_memory};
pub(crate) use memory::Reservation;
pub use memory::holding_memory;
#[cfg(test)]
pub(crate) use memory::is_holding;
pub use options::DecodeOptions;
pub use picture_format::PictureFormat;
pub(crate) use picture_format::format_names;
use request::{Decoders, Request, Stored};
pub use warning::DecodeWarning;

/// A decoded picture. It can be kept like any other value, unless it was decoded within [`holding_memory`].
#[derive(Debug)]
pub struct Decoded {
    /// Upright pixels.
    pub image: RgbImage,
    /// What its sides were divided by in decoding: 1, 2, 4 or 8.
    pub reduction: u8,
    /// What is odd about the file.
    pub warning: Option<DecodeWarning>,
    pub(crate) memory: Reservation,
}

/// Decodes a picture file to upright RGB.
///
/// # Errors
/// [`DecodeError`] with the path, unless the file has all its pixels and is within the limits.
pub fn decode_file(path: &Path) -> Result<RgbImage, DecodeError> {
    Ok(decode_file_with(path, &DecodeOptions::default())?.image)
}

/// Decodes a picture file to upright RGB as `options` say.
///
/// # Errors
/// As [`decode_file`].
pub fn decode_file_with(path: &Path, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    with_content(path, |bytes| decode_bytes_with(bytes, options))
}

/// Decodes the content of a picture file to upright RGB. Drops alpha and keeps the high byte of 16-bit channels,
/// but rounds those of PPM as Pillow does.
///
/// # Errors
/// [`DecodeErrorKind`], unless the content has all its pixels and is within the limits.
pub fn decode_bytes(bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    Ok(decode_bytes_with(bytes, &DecodeOptions::default())?.image)
}

/// Decodes the content of a picture file to upright RGB as `options` say.
///
/// # Errors
/// As [`decode_bytes`].
pub fn decode_bytes_with(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeErrorKind> {
    let format = format_of(bytes)?;
    decode_by(Decoders::Fastest, format, bytes, options)
}

/// Decodes the content of a JPEG file as [`decode_bytes_with`] does, but always with libjpeg, so that the decoders can be
/// compared: they give the same pixels.
///
/// # Errors
/// As [`decode_bytes_with`], and for another format.
pub fn decode_with_libjpeg(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeErrorKind> {
    decode_thoroughly(PictureFormat::Jpeg, bytes, options)
}

/// Decodes the content of a PNG file as [`decode_bytes_with`] does, but always with the png crate, so that the decoders can
/// be compared: they give the same pixels.
///
/// # Errors
/// As [`decode_bytes_with`], and for another format.
pub fn decode_with_png_crate(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeErrorKind> {
    decode_thoroughly(PictureFormat::Png, bytes, options)
}

/// Decodes a file of one format without the faster decoders.
fn decode_thoroughly(
    expected: PictureFormat,
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Decoded, DecodeErrorKind> {
    let format = format_of(bytes)?;
    if format != expected {
        return Err(DecodeErrorKind::OtherFormat(format.to_string()));
    }
    decode_by(Decoders::Thorough, format, bytes, options)
}

/// Decodes and turns the picture.
fn decode_by(
    decoders: Decoders,
    format: PictureFormat,
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Decoded, DecodeErrorKind> {
    without_panic(format, || {
        let request = Request {
            decoders,
            ..Request::new(format, bytes, options)
        };
        let (
            Stored {
                mut image,
                mut memory,
                reduction,
            },
            warning,
        ) = decode_as_stored(format, bytes, &request)?;
        orientation::apply(&mut image, request.orientation);
        memory.keep_decoded(image.len() as u64);
        Ok(Decoded {
            image,
            reduction,
            warning,
            memory,
        })
    })
}

/// Decodes without turning the picture.
fn decode_as_stored(
    format: PictureFormat,
    bytes: &[u8],
    request: &Request,
) -> Result<(Stored, Option<DecodeWarning>), DecodeErrorKind> {
    if format == PictureFormat::Jpeg {
        return jpeg::decode(bytes, request);
    }
    let Finished { bytes, warning } = ending::finish(format, bytes)?;
    let decoded = match format {
        PictureFormat::Gif => gif::decode(&bytes, request).map(|stored| (stored, None)),
        PictureFormat::Png => png_checksums::decode(&bytes, request),
        PictureFormat::Bmp => bmp::decode(&bytes, request).map(|stored| (stored, None)),
        PictureFormat::WebP => webp::decode(&bytes, request).map(|stored| (stored, None)),
        PictureFormat::Tiff => tiff_file::decode(&bytes, request),
        PictureFormat::Pnm => pnm::decode(&bytes, request),
        PictureFormat::Heic | PictureFormat::Avif => {
            heif::decode(format, &bytes, request).map(|stored| (stored, None))
        }
        _ => image_crate::decode(format, &bytes, request).map(|stored| (stored, None)),
    };
    match decoded {
        Ok((stored, other)) => Ok((stored, warning.or(other))),
        // Its end was made up, so what the decoder misses is what the file lacks.
        Err(DecodeErrorKind::Malformed { .. }) if warning.is_some() => Err(DecodeErrorKind::Truncated {
            format,
            missing: "it ends within the pixels".to_owned(),
        }),
        Err(error) => Err(error),
    }
}

/// Checks a picture file, which will be decoded as `options` say, without decoding its pixels, in a fraction of the time. A file without
/// a proper end is decoded; if it has all its pixels, that is a warning in the log.
///
/// # Errors
/// [`DecodeError`] with the path if the file cannot be read, is not a picture, is truncated, has a broken header or is
/// too large.
pub fn check_file_with(path: &Path, options: &DecodeOptions) -> Result<(), DecodeError> {
    let warning = with_content(path, |bytes| check_bytes_with(bytes, options))?;
    if let Some(warning) = warning {
        log::warn!("image `{}`: {warning}", path.display());
    }
    Ok(())
}

/// Checks the content of a picture file, like [`check_file_with`], and returns the warning.
///
/// # Errors
/// [`DecodeErrorKind`] if the content is not a picture, is truncated, has a broken header or is too large.
pub fn check_bytes(bytes: &[u8]) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    check_bytes_with(bytes, &DecodeOptions::default())
}

/// Checks the content of a picture file, like [`check_bytes`], that will be decoded as `options` say.
///
/// # Errors
/// As [`check_bytes`].
pub fn check_bytes_with(
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    let format = format_of(bytes)?;
    without_panic(format, || {
        let request = Request::new(format, bytes, options);
        if format == PictureFormat::Jpeg {
            return jpeg::check(bytes, &request);
        }
        let finished = ending::finish(format, bytes)?;
        if finished.warning.is_some() {
            return Ok(decode_bytes_with(bytes, options)?.warning);
        }
        match format {
            PictureFormat::Gif => gif::open(bytes, request.limits).map(drop)?,
            PictureFormat::Png => png_pixels::open(bytes, request.limits).map(drop)?,
            PictureFormat::Bmp => bmp::check(bytes, &request)?,
            PictureFormat::WebP => webp::check(bytes, request.limits)?,
            PictureFormat::Tiff => return tiff_file::check(bytes, &request),
            PictureFormat::Pnm => return pnm::check(bytes, request.limits),
            PictureFormat::Heic | PictureFormat::Avif => heif::check(format, bytes, request.limits)?,
            _ => image_crate::open(format, bytes, request.limits).map(drop)?,
        }
        Ok(None)
    })
}

/// Calls `work` with the content of a file and adds the path to an error.
fn with_content<T>(
    path: &Path,
    work: impl FnOnce(&[u8]) -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeError> {
    file::read(path)
        .and_then(|bytes| work(&bytes))
        .map_err(|kind| DecodeError {
            path: path.to_owned(),
            kind,
        })
}

/// The format of a file.
fn format_of(bytes: &[u8]) -> Result<PictureFormat, DecodeErrorKind> {
    if bytes.is_empty() {
        return Err(DecodeErrorKind::Empty);
    }
    match PictureFormat::recognise(bytes) {
        Some(PictureFormat::Tiff) if is_raw(bytes) => Err(DecodeErrorKind::OtherFormat(RAW.to_owned())),
        Some(format) => Ok(format),
        None => Err(unrecognised::refuse(bytes)),
    }
}

/// Whether a TIFF file is a camera's. By its first bytes alone, every one whose first page is a small copy could be Sony's.
fn is_raw(bytes: &[u8]) -> bool {
    tiff::is_raw(bytes) || unrecognised::is_raw(bytes) && !tiff::begins_with_copy(bytes)
}

/// Turns a panic into an error.
fn without_panic<T>(
    format: PictureFormat,
    decode: impl FnOnce() -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeErrorKind> {
    caught(decode).unwrap_or(Err(DecodeErrorKind::Panicked { format }))
}

#[cfg(test)]
mod tests;
