//! HEIC and AVIF through libheif, if a program has loaded it.

use image::RgbImage;
use mbn_heif::{HeifError, Picture, Problem};

use super::error::DecodeErrorKind;
use super::heif_library;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};

/// Decodes a file to RGB, upright as the file says.
pub(super) fn decode(
    format: PictureFormat,
    bytes: &[u8],
    request: &Request,
) -> Result<Stored, DecodeErrorKind> {
    let Opened { picture, size, total } = open(format, bytes, request.limits)?;
    let (width, height) = size;
    let working = total.saturating_sub(rgb_bytes(width, height));
    let memory = request.reserve(width, height, working);
    let found = picture.decode().map_err(|error| of_library(format, error))?;
    let image = RgbImage::from_raw(found.width, found.height, found.pixels);
    match image.filter(|image| image.dimensions() == size) {
        Some(image) => Ok(Stored::whole(image, memory)),
        None => Err(DecodeErrorKind::Malformed {
            format,
            reason: "its pixels are not as many as its head says".to_owned(),
        }),
    }
}

/// Checks a file without decoding its pixels.
pub(super) fn check(format: PictureFormat, bytes: &[u8], limits: Limits) -> Result<(), DecodeErrorKind> {
    open(format, bytes, limits).map(drop)
}

/// A file whose head is read.
struct Opened<'a> {
    picture: Picture<'a>,
    /// Width and height.
    size: (u32, u32),
    /// Bytes that decoding takes at once, with the pixels in RGB.
    total: u64,
}

fn open(format: PictureFormat, bytes: &[u8], limits: Limits) -> Result<Opened<'_>, DecodeErrorKind> {
    // The format is recognised only where there is a library.
    let library = heif_library::library().ok_or_else(|| DecodeErrorKind::OtherFormat(format.to_string()))?;
    let failed = |error| of_library(format, error);
    let picture = library.open(bytes).map_err(failed)?;
    let (size, coded) = (
        picture.size().map_err(failed)?,
        picture.coded_size().map_err(failed)?,
    );
    // What is cut away is decoded too.
    for (width, height) in [size, coded] {
        limits.check_pixels(format, width, height)?;
    }
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let total = picture.decoding_bytes() * pixels(coded).max(pixels(size));
    limits.check_bytes(format, "", total)?;
    Ok(Opened { picture, size, total })
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
        Problem::Malformed => DecodeErrorKind::Malformed { format, reason },
        Problem::Unsupported => DecodeErrorKind::Unsupported { format, form: reason },
        Problem::NoDecoder => DecodeErrorKind::Unsupported {
            format,
            form: "this libheif has no decoder for it, which some systems keep in a package of its own"
                .to_owned(),
        },
        Problem::Memory => DecodeErrorKind::Malformed {
            format,
            reason: format!("it takes more memory than libheif allows; {reason}"),
        },
    }
}
