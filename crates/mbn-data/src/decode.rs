//! Picture files to upright RGB bytes. The content decides the format, not the name; a truncated file is an error.
//!
//! A new decoder is a file here and an arm in [`decode_bytes`] and [`check_bytes`]; a new format also needs entries in
//! `picture_format` and `truncation`.

mod error;
mod file;
mod image_crate;
mod limits;
mod orientation;
mod picture_format;
mod rgb;
mod tiff;
mod tiff_fields;
mod truncation;
mod unrecognised;
mod zune_jpeg;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::RgbImage;

pub use error::{DecodeError, DecodeErrorKind};
pub use limits::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_SIDE};
pub(crate) use picture_format::FORMAT_NAMES;
pub use picture_format::PictureFormat;

/// Decodes a picture file to upright RGB.
///
/// # Errors
/// [`DecodeError`] with the path, unless the file is a complete picture within the limits.
pub fn decode_file(path: &Path) -> Result<RgbImage, DecodeError> {
    with_content(path, decode_bytes)
}

/// Decodes the content of a picture file to upright RGB. Drops alpha and keeps the high byte of 16-bit channels.
///
/// # Errors
/// [`DecodeErrorKind`], unless the content is a complete picture within the limits.
pub fn decode_bytes(bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    let format = format_of(bytes)?;
    without_panic(format, || match format {
        PictureFormat::Jpeg => zune_jpeg::decode(bytes),
        _ => image_crate::decode(format, bytes),
    })
}

/// Checks a picture file without decoding its pixels, which takes a fraction of the time.
///
/// # Errors
/// [`DecodeError`] with the path if the file cannot be read, is not a picture, is truncated, has a broken header or is
/// too large.
pub fn check_file(path: &Path) -> Result<(), DecodeError> {
    with_content(path, check_bytes)
}

/// Checks the content of a picture file, like [`check_file`].
///
/// # Errors
/// [`DecodeErrorKind`] if the content is not a picture, is truncated, has a broken header or is too large.
pub fn check_bytes(bytes: &[u8]) -> Result<(), DecodeErrorKind> {
    let format = format_of(bytes)?;
    without_panic(format, || match format {
        PictureFormat::Jpeg => zune_jpeg::open(bytes).map(drop),
        _ => image_crate::open(format, bytes).map(drop),
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

/// The format of a file that is not truncated.
fn format_of(bytes: &[u8]) -> Result<PictureFormat, DecodeErrorKind> {
    if bytes.is_empty() {
        return Err(DecodeErrorKind::Empty);
    }
    let format = PictureFormat::recognise(bytes)
        .ok_or_else(|| DecodeErrorKind::NotAnImage(unrecognised::describe(bytes)))?;
    truncation::check(format, bytes)?;
    Ok(format)
}

/// Turns a panic into an error: the decoders are fuzzed but may still panic, and one bad file must not end a batch.
fn without_panic<T>(
    format: PictureFormat,
    decode: impl FnOnce() -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeErrorKind> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        Err(DecodeErrorKind::Panicked {
            format,
            reason: panic_message(panic.as_ref()),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests;
