//! What can be wrong with a picture file.

use std::path::PathBuf;

use super::picture_format::{FORMAT_NAMES, PictureFormat};

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
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The path is a directory, a pipe or a device.
    #[error("it is {0}, expected a file")]
    NotAFile(&'static str),
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is larger than any picture worth classifying.
    #[error("the file has {bytes} bytes, expected at most {limit}")]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// Largest size that is read.
        limit: u64,
    },
    /// The first bytes do not belong to a supported format.
    #[error("it is not an image: {0}; expected {FORMAT_NAMES}")]
    NotAnImage(String),
    /// The file is a picture of a format that is not decoded.
    #[error("it is a picture in {0} format, which is not supported: convert it to PNG or JPEG first")]
    OtherFormat(String),
    /// The file ends too early.
    #[error("the {format} file is truncated: {missing}")]
    Truncated {
        /// The format found.
        format: PictureFormat,
        /// What is missing at the end.
        missing: String,
    },
    /// The content breaks the rules of the format.
    #[error("the {format} data cannot be decoded: {reason}")]
    Malformed {
        /// The format found.
        format: PictureFormat,
        /// What is wrong.
        reason: String,
    },
    /// The content has a form that the format allows but few programs write.
    #[error("the {format} file has a form that is not supported: {form}; convert it first")]
    Unsupported {
        /// The format found.
        format: PictureFormat,
        /// The form.
        form: String,
    },
    /// The decoded image would take too much memory.
    #[error(
        "the {format} image has {width} x {height} pixels, expected at most {max_side} a side and {max_bytes} bytes decoded"
    )]
    TooLarge {
        /// The format found.
        format: PictureFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Longest side that is decoded, in pixels.
        max_side: u32,
        /// Largest decoded size, in bytes.
        max_bytes: u64,
    },
    /// The decoder panicked, which is a bug in it.
    #[error("the {format} decoder stopped at a fault of its own; please report the file")]
    Panicked {
        /// The format found.
        format: PictureFormat,
    },
}
