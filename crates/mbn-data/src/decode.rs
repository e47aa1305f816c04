//! Picture files to RGB bytes: format by content, EXIF orientation applied, a truncated file refused.

mod image_crate;
mod jpeg;
mod rgb;
mod whole;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};

/// Longest side of a picture that is decoded, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Largest decoded size of a picture, in bytes: 89 million RGB pixels. A small file can claim far more.
pub const MAX_DECODED_BYTES: u64 = 256 << 20;
/// Largest picture file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// A picture file that cannot be used, with its path.
#[derive(Debug, thiserror::Error)]
#[error("image `{}` cannot be used", path.display())]
pub struct DecodeError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: DecodeErrorKind,
}

/// What is wrong with a picture file.
#[derive(Debug, thiserror::Error)]
pub enum DecodeErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is a directory, a pipe or a device.
    #[error("it is {0}, expected a file")]
    NotAFile(&'static str),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is too large to be a picture worth classifying.
    #[error("the file has {0} bytes (limit {MAX_FILE_BYTES})")]
    TooManyBytes(u64),
    /// Its first bytes are those of no format that is read here.
    #[error("it is no image: {0}; expected PNG, JPEG, WebP, BMP or GIF")]
    NotAnImage(String),
    /// It ends too early.
    #[error("the {format} file is truncated: {missing}")]
    Truncated {
        /// The format found.
        format: Format,
        /// What was expected after the last byte.
        missing: String,
    },
    /// Its content breaks the rules of its format, or uses a feature that is not supported.
    #[error("the {format} data cannot be decoded: {reason}")]
    Malformed {
        /// The format found.
        format: Format,
        /// The decoder's message.
        reason: String,
    },
    /// It would take too much memory.
    #[error(
        "the {format} image has {width} x {height} pixels, more than is decoded (limits: {MAX_SIDE} a side, {} bytes in all)",
        MAX_DECODED_BYTES
    )]
    TooLarge {
        /// The format found.
        format: Format,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The decoder stopped by a bug of its own.
    #[error("the {format} decoder failed on it: {reason}")]
    Panicked {
        /// The format found.
        format: Format,
        /// The panic's message.
        reason: String,
    },
}

/// A picture format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG in a JFIF, Exif or Adobe file.
    Jpeg,
    /// WebP, lossy or lossless.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// Graphics Interchange Format; the first frame is read.
    Gif,
}

impl Format {
    /// The format that a file's first bytes announce.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::Gif => Some(Self::Gif),
            _ => None,
        }
    }

    fn of_image_crate(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::WebP => ImageFormat::WebP,
            Self::Bmp => ImageFormat::Bmp,
            Self::Gif => ImageFormat::Gif,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
        })
    }
}

/// Reads a picture file as RGB, upright.
///
/// # Errors
/// [`DecodeError`] naming the file, for anything that is not a whole picture within the limits.
pub fn decode_file(path: &Path) -> Result<RgbImage, DecodeError> {
    with_content(path, decode_bytes)
}

/// Decodes a picture file's content as RGB, upright. Alpha is dropped, 16-bit channels keep their high byte.
///
/// # Errors
/// As [`decode_file`], without the path.
pub fn decode_bytes(bytes: &[u8]) -> Result<RgbImage, DecodeErrorKind> {
    let format = whole_format(bytes)?;
    without_panic(format, || match format {
        Format::Jpeg => jpeg::decode(bytes),
        _ => image_crate::decode(format, bytes),
    })
}

/// Refuses a picture file for what shows without decoding its pixels, which takes a small part of the time: one that
/// cannot be read, is no picture, is truncated, has a broken header or is too large.
///
/// # Errors
/// [`DecodeError`] naming the file.
pub fn check_file(path: &Path) -> Result<(), DecodeError> {
    with_content(path, check_bytes)
}

/// As [`check_file`], for a file's content.
///
/// # Errors
/// As [`check_file`], without the path.
pub fn check_bytes(bytes: &[u8]) -> Result<(), DecodeErrorKind> {
    let format = whole_format(bytes)?;
    without_panic(format, || match format {
        Format::Jpeg => jpeg::open(bytes).map(drop),
        _ => image_crate::open(format, bytes).map(drop),
    })
}

/// What `work` makes of a file's content.
fn with_content<T>(
    path: &Path,
    work: impl FnOnce(&[u8]) -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeError> {
    read(path)
        .and_then(|bytes| work(&bytes))
        .map_err(|kind| DecodeError {
            path: path.to_owned(),
            kind,
        })
}

/// The format of a file that is all there.
fn whole_format(bytes: &[u8]) -> Result<Format, DecodeErrorKind> {
    if bytes.is_empty() {
        return Err(DecodeErrorKind::Empty);
    }
    let format =
        Format::recognise(bytes).ok_or_else(|| DecodeErrorKind::NotAnImage(describe_unknown(bytes)))?;
    whole::check(format, bytes)?;
    Ok(format)
}

/// The decoders are fuzzed but do not promise never to panic, and one bad file must not end a batch.
fn without_panic<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeErrorKind> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        Err(DecodeErrorKind::Panicked {
            format,
            reason: panic_message(panic.as_ref()),
        })
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DecodeErrorKind> {
    let metadata = std::fs::metadata(path)?;
    // Opening a pipe would wait for a writer.
    if metadata.is_dir() {
        return Err(DecodeErrorKind::NotAFile("a folder"));
    }
    if !metadata.is_file() {
        return Err(DecodeErrorKind::NotAFile("a pipe, socket or device"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(DecodeErrorKind::TooManyBytes(metadata.len()));
    }
    Ok(std::fs::read(path)?)
}

/// Refuses a picture before its pixels are allocated; `bytes` is their size as the decoder gives them.
fn check_size(format: Format, width: u32, height: u32, bytes: u64) -> Result<(), DecodeErrorKind> {
    let rgb = 3 * u64::from(width) * u64::from(height);
    if width == 0 || height == 0 {
        return Err(DecodeErrorKind::Malformed {
            format,
            reason: format!("it has {width} x {height} pixels"),
        });
    }
    if width > MAX_SIDE || height > MAX_SIDE || rgb.max(bytes) > MAX_DECODED_BYTES {
        return Err(DecodeErrorKind::TooLarge {
            format,
            width,
            height,
        });
    }
    Ok(())
}

/// What a file is that is no picture, as far as its first bytes tell.
fn describe_unknown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(64)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may have gone through a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        Some(text)
            if !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) =>
        {
            let line: String = text.lines().next().unwrap_or_default().chars().take(24).collect();
            format!("it starts with the text `{line}`")
        }
        _ => {
            let hex: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("it starts with the bytes {}", hex.join(" "))
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests;
