//! Picture files to upright RGB bytes. The content decides the format, not the name; a file that lacks pixels is an error.
//!
//! A new decoder is a file here and an arm in [`decode_bytes_with`] and [`check_bytes`]; a new format also needs entries in
//! `picture_format` and `ending`.

mod bmp;
mod ending;
mod error;
mod file;
mod gif;
mod image_crate;
mod jpeg;
mod limits;
mod orientation;
mod picture_format;
mod png_checksums;
mod rgb;
mod tiff;
mod tiff_fields;
mod tiff_jpeg;
mod unrecognised;
mod warning;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::RgbImage;
use mbn_spec::{Preprocess, Resize};

use ending::Finished;
pub use error::{DecodeError, DecodeErrorKind};
pub use limits::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_SIDE};
pub(crate) use picture_format::FORMAT_NAMES;
pub use picture_format::PictureFormat;
pub use warning::DecodeWarning;

/// How files are decoded. The default decodes every pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Decodes a JPEG file at 1/2, 1/4 or 1/8 of its size, which is faster, if both sides keep this many pixels.
    pub at_least: Option<u32>,
}

/// How much larger than needed a file that is decoded at a fraction of its size stays. `docs/decoding.md` says what that
/// changes.
const MARGIN: usize = 2;

impl DecodeOptions {
    /// Decodes large JPEG files at the fraction of their size that still suffices for `preprocess`. The network's input
    /// changes a little.
    pub fn reduced_for(preprocess: &Preprocess) -> Self {
        let needed = match preprocess.resize {
            Resize::Square => preprocess.size,
            Resize::Crop => preprocess.shorter_side(),
        };
        Self {
            at_least: u32::try_from(MARGIN * needed).ok(),
        }
    }
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Upright pixels.
    pub image: RgbImage,
    /// What is odd about the file.
    pub warning: Option<DecodeWarning>,
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

/// Decodes the content of a picture file to upright RGB. Drops alpha and keeps the high byte of 16-bit channels.
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
    without_panic(format, || {
        let mut decoded = decode_as_stored(format, bytes, options)?;
        orientation::apply(&mut decoded.image, orientation::of(format, bytes));
        Ok(decoded)
    })
}

/// Decodes the content of a JPEG file as [`decode_bytes_with`] does, but always with libjpeg, so that the decoders can be
/// compared: they give the same pixels.
///
/// # Errors
/// As [`decode_bytes_with`], and for another format.
pub fn decode_with_libjpeg(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeErrorKind> {
    let format = format_of(bytes)?;
    if format != PictureFormat::Jpeg {
        return Err(DecodeErrorKind::OtherFormat(format.to_string()));
    }
    without_panic(format, || {
        let (mut image, warning) = jpeg::decode_with_libjpeg(bytes, options.at_least)?;
        orientation::apply(&mut image, orientation::of(format, bytes));
        Ok(Decoded { image, warning })
    })
}

/// Decodes without turning the picture.
fn decode_as_stored(
    format: PictureFormat,
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Decoded, DecodeErrorKind> {
    if format == PictureFormat::Jpeg {
        let (image, warning) = jpeg::decode(bytes, options.at_least)?;
        return Ok(Decoded { image, warning });
    }
    let Finished { bytes, warning } = ending::finish(format, bytes)?;
    let decoded = match format {
        PictureFormat::Gif => gif::decode(&bytes).map(|image| (image, None)),
        PictureFormat::Png => png_checksums::decode(&bytes),
        PictureFormat::Bmp => bmp::decode(&bytes).map(|image| (image, None)),
        _ => image_crate::decode(format, &bytes).map(|image| (image, None)),
    };
    match decoded {
        Ok((image, other)) => Ok(Decoded {
            image,
            warning: warning.or(other),
        }),
        // Its end was made up, so what the decoder misses is what the file lacks.
        Err(DecodeErrorKind::Malformed { .. }) if warning.is_some() => Err(DecodeErrorKind::Truncated {
            format,
            missing: "it ends within the pixels".to_owned(),
        }),
        Err(error) => Err(error),
    }
}

/// Checks a picture file without decoding its pixels, which takes a fraction of the time. A file without a proper end is
/// decoded; if it has all its pixels, that is a warning in the log.
///
/// # Errors
/// [`DecodeError`] with the path if the file cannot be read, is not a picture, is truncated, has a broken header or is
/// too large.
pub fn check_file(path: &Path) -> Result<(), DecodeError> {
    let warning = with_content(path, check_bytes)?;
    if let Some(warning) = warning {
        log::warn!("image `{}`: {warning}", path.display());
    }
    Ok(())
}

/// Checks the content of a picture file, like [`check_file`], and returns the warning.
///
/// # Errors
/// [`DecodeErrorKind`] if the content is not a picture, is truncated, has a broken header or is too large.
pub fn check_bytes(bytes: &[u8]) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    let format = format_of(bytes)?;
    without_panic(format, || {
        if format == PictureFormat::Jpeg {
            return jpeg::check(bytes);
        }
        let finished = ending::finish(format, bytes)?;
        if finished.warning.is_some() {
            return Ok(decode_bytes_with(bytes, &DecodeOptions::default())?.warning);
        }
        match format {
            PictureFormat::Gif => gif::open(bytes).map(drop)?,
            PictureFormat::Bmp => image_crate::open(format, &bmp::with_windows_header(bytes)?).map(drop)?,
            _ => image_crate::open(format, bytes).map(drop)?,
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
        Some(PictureFormat::Tiff) if tiff::is_raw(bytes) || unrecognised::is_raw(bytes) => {
            Err(DecodeErrorKind::OtherFormat("RAW".to_owned()))
        }
        Some(format) => Ok(format),
        None => Err(unrecognised::refuse(bytes)),
    }
}

/// Turns a panic into an error: the decoders are fuzzed but may still panic, and one bad file must not end a batch.
fn without_panic<T>(
    format: PictureFormat,
    decode: impl FnOnce() -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeErrorKind> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(DecodeErrorKind::Panicked { format }))
}

#[cfg(test)]
mod tests;
