//! HEIC and AVIF through libheif, if a program has loaded it.

use std::path::Path;
use std::sync::OnceLock;

use image::RgbImage;
use mbn_heif::{Heif, HeifError, Picture, Problem};

use super::error::DecodeErrorKind;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};

/// libheif, once it is loaded.
static LIBRARY: OnceLock<Heif> = OnceLock::new();

/// Loads libheif, in the file `named` or else the one that the system has, so that this process reads HEIC and AVIF from now on:
/// folders are searched for such files too. Returns the library's version. What is loaded stays loaded; later calls change nothing.
///
/// Without it, such files are named and refused, and left out of folders. It is not loaded unasked, because then a folder's pictures,
/// and their numbers among shards, would depend on what a machine has installed.
///
/// # Errors
/// [`HeifError`]: there is no such library, or it is none.
pub fn read_heif(named: Option<&Path>) -> Result<&'static str, HeifError> {
    if LIBRARY.get().is_none() {
        let library = Heif::load(named)?;
        // Another thread may have been faster.
        let _ = LIBRARY.set(library);
    }
    Ok(LIBRARY.get().map_or("", Heif::version))
}

/// Whether HEIC and AVIF are read.
pub(crate) fn is_read() -> bool {
    LIBRARY.get().is_some()
}

/// The format of a file with these first bytes, if it is one of these two and they are read.
pub(super) fn recognise(bytes: &[u8]) -> Option<PictureFormat> {
    if !is_read() {
        return None;
    }
    brand(bytes)
}

/// The format of a file by the brands in its first box.
fn brand(bytes: &[u8]) -> Option<PictureFormat> {
    let head: &[u8; 8] = bytes.first_chunk()?;
    let [a, b, c, d, b'f', b't', b'y', b'p'] = *head else {
        return None;
    };
    let end = (u32::from_be_bytes([a, b, c, d]) as usize).min(bytes.len());
    let brands = bytes.get(8..end)?.as_chunks::<4>().0;
    let is_avif = |brand: &[u8; 4]| matches!(brand, b"avif" | b"avis");
    let is_heif = |brand: &[u8; 4]| {
        matches!(
            brand,
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1"
        )
    };
    // The first names the format, unless it is the common one; a movie may name these among others.
    match brands.first()? {
        first if is_avif(first) => Some(PictureFormat::Avif),
        b"mif1" | b"msf1" if brands.iter().any(is_avif) => Some(PictureFormat::Avif),
        first if is_heif(first) => Some(PictureFormat::Heic),
        _ => None,
    }
}

/// Decodes a file to RGB, upright as the file says.
pub(super) fn decode(
    format: PictureFormat,
    bytes: &[u8],
    request: &Request,
) -> Result<Stored, DecodeErrorKind> {
    let (picture, size) = open(format, bytes, request.limits)?;
    let (width, height) = size;
    let working = decoding_bytes(width, height).saturating_sub(rgb_bytes(width, height));
    let memory = request.reserve(width, height, working);
    let found = picture.decode().map_err(|error| of_library(format, error))?;
    let image = RgbImage::from_raw(found.width, found.height, found.pixels);
    let image = image.unwrap_or_else(|| RgbImage::new(width, height));
    Ok(Stored::whole(image, memory))
}

/// Checks a file without decoding its pixels.
pub(super) fn check(format: PictureFormat, bytes: &[u8], limits: Limits) -> Result<(), DecodeErrorKind> {
    open(format, bytes, limits).map(drop)
}

fn open(
    format: PictureFormat,
    bytes: &[u8],
    limits: Limits,
) -> Result<(Picture<'_>, (u32, u32)), DecodeErrorKind> {
    // The format is recognised only where there is a library.
    let library = LIBRARY
        .get()
        .ok_or_else(|| DecodeErrorKind::OtherFormat(format.to_string()))?;
    let failed = |error| of_library(format, error);
    let picture = library.open(bytes).map_err(failed)?;
    let (width, height) = picture.size().map_err(failed)?;
    limits.check_pixels(format, width, height)?;
    limits.check_bytes(format, "", decoding_bytes(width, height))?;
    Ok((picture, (width, height)))
}

/// Bytes that decoding takes at once: RGB in the library's memory, beside the planes that it is computed from, then beside ours.
fn decoding_bytes(width: u32, height: u32) -> u64 {
    2 * rgb_bytes(width, height)
}

/// What libheif found, in our words where it matters what to do.
fn of_library(format: PictureFormat, error: HeifError) -> DecodeErrorKind {
    log::debug!("{format}: {error}");
    let HeifError::File { problem, reason } = error else {
        return DecodeErrorKind::OtherFormat(format.to_string());
    };
    match problem {
        Problem::Truncated => DecodeErrorKind::Truncated {
            format,
            missing: "it ends within the pixels".to_owned(),
        },
        Problem::Malformed => DecodeErrorKind::Malformed {
            format,
            reason: format!("libheif says: {reason}"),
        },
        Problem::Unsupported => DecodeErrorKind::Unsupported {
            format,
            form: format!("libheif says: {reason}"),
        },
        Problem::NoDecoder => DecodeErrorKind::Unsupported {
            format,
            form: "this libheif has no decoder for it, which some systems keep in a package of its own"
                .to_owned(),
        },
        Problem::Memory => DecodeErrorKind::Malformed {
            format,
            reason: format!("it takes more memory than libheif allows: {reason}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_tell_the_formats_and_movies_apart() {
        for (bytes, expected) in [
            (
                &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..],
                Some(PictureFormat::Heic),
            ),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(PictureFormat::Heic)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some(PictureFormat::Avif)),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", Some(PictureFormat::Avif)),
            (b"\0\0\0\x18ftypisom\0\0\0\0heicavif", None),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", None),
            (b"\0\0\0\x0cftyp", None),
            (b"\0\0\0\x18moov", None),
            (b"", None),
        ] {
            assert_eq!(brand(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn nothing_is_read_that_was_not_asked_for() {
        assert!(!is_read());
        assert_eq!(recognise(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), None);
    }
}
