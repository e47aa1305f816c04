//! What can be wrong with a picture file.

use std::path::PathBuf;

use super::picture_format::{PictureFormat, format_names};
use crate::file_kind::{AVIF, HEIC};

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
    #[error("it is not an image: {what}; expected {names}", what = .0, names = format_names())]
    NotAnImage(String),
    /// The file is a picture of a format that is not decoded.
    #[error(
        "it is a picture in {name} format, which is not supported: convert it to PNG or JPEG first{advice}",
        name = .0, advice = by_libheif(.0)
    )]
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
    /// The picture has more pixels than is allowed.
    #[error(
        "the {format} image has {width} x {height} pixels ({}), expected at most {}",
        megapixels(u64::from(*width) * u64::from(*height)), megapixels(*limit)
    )]
    TooManyPixels {
        /// The format found.
        format: PictureFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Most pixels that are decoded.
        limit: u64,
    },
    /// The picture is too wide or too high.
    #[error("the {format} image has {width} x {height} pixels, expected at most {limit} along each side")]
    TooLong {
        /// The format found.
        format: PictureFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Most pixels along a side.
        limit: u32,
    },
    /// Decoding the picture takes too much memory.
    #[error(
        "decoding this {form}{format} image takes {} MB of memory, expected at most {} MB",
        bytes.div_ceil(1_000_000), limit / 1_000_000
    )]
    TooMuchMemory {
        /// The format found.
        format: PictureFormat,
        /// What makes it take so much, such as `progressive `; may be empty.
        form: &'static str,
        /// Bytes that decoding takes.
        bytes: u64,
        /// Most bytes that it may take.
        limit: u64,
    },
    /// The decoder panicked, which is a bug in it.
    #[error("the {format} decoder stopped at a fault of its own; please report the file")]
    Panicked {
        /// The format found.
        format: PictureFormat,
    },
}

impl DecodeErrorKind {
    /// Whether it is a fault of the machine, which says nothing about the picture.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Io(error) if mbn_files::is_of_machine(error))
    }

    /// Whether the picture exceeds the limit that [`DecodeOptions`](super::DecodeOptions) set.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooManyPixels { .. } | Self::TooMuchMemory { .. })
    }
}

/// What else to do about a picture of another format, as the end of a message.
fn by_libheif(format: &str) -> &'static str {
    match format {
        HEIC | AVIF => ", or read it with `--libheif system`",
        _ => "",
    }
}

/// A number of pixels for a message.
fn megapixels(pixels: u64) -> String {
    match pixels / 1_000_000 {
        0..10 => format!("{pixels} pixels"),
        millions => format!("{millions} megapixels"),
    }
}
