//! TIFF files, with a warning if their JPEG data have no proper end.

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored};
use super::warning::DecodeWarning;
use super::{image_crate, tiff_chunks};

/// Decodes a file to RGB, as it is stored.
pub(super) fn decode(
    bytes: &[u8],
    request: &Request,
) -> Result<(Stored, Option<DecodeWarning>), DecodeErrorKind> {
    let stored = image_crate::decode(PictureFormat::Tiff, bytes, request)?;
    Ok((stored, tiff_chunks::jpeg_warning(bytes, request.limits)))
}

/// Checks a file without decoding its pixels, unless its JPEG data have no proper end.
pub(super) fn check(bytes: &[u8], request: &Request) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    image_crate::open(PictureFormat::Tiff, bytes, request.limits)?;
    match tiff_chunks::jpeg_warning(bytes, request.limits) {
        None => Ok(None),
        Some(_) => decode(bytes, request).map(|(_, warning)| warning),
    }
}
