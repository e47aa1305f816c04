//! What is odd about a picture file that is decoded all the same.

use super::picture_format::PictureFormat;

/// What is odd about a file that has all its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeWarning {
    /// The file stops after the last pixel, before its format ends.
    #[error("the {format} file has all its pixels, but no {missing} at its end")]
    NoEnd {
        /// The format found.
        format: PictureFormat,
        /// What is missing.
        missing: &'static str,
    },
    /// The checksum of a chunk is wrong, but that of the pixels is right.
    #[error(
        "the PNG file has a wrong checksum in its `IDAT` chunks, but the checksum of its pixels is right"
    )]
    Checksum,
}

impl DecodeWarning {
    pub(super) fn no_end(format: PictureFormat, missing: &'static str) -> Self {
        Self::NoEnd { format, missing }
    }
}
