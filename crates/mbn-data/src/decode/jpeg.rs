//! JPEG. `turbo` decodes flawless files of the usual layouts fast, `libjpeg` every other one and whatever `turbo` refuses. Both
//! give libjpeg's pixels to the bit.

mod cost;
mod flawless;
mod frame;
mod libjpeg;
mod part;
mod progress;
mod structure;
#[cfg(test)]
mod tests;
mod turbo;

use image::RgbImage;

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;
use super::request::{Decoders, Request, Stored};
use super::warning::DecodeWarning;
pub(super) use cost::MOST_BLOCKS;
pub(super) use part::Part;
use structure::{Structure, malformed, truncated};

/// The denominators of the sizes at which a file can be decoded.
const DENOMINATORS: [u8; 3] = [8, 4, 2];

/// Decodes a file to RGB, as it is stored, at 1/2, 1/4 or 1/8 of its size if both sides keep as many pixels as asked.
pub(super) fn decode(
    bytes: &[u8],
    request: &Request,
) -> Result<(Stored, Option<DecodeWarning>), DecodeErrorKind> {
    let structure = structure::read(bytes)?;
    let denominator = denominator(&structure, request.at_least);
    let working = cost::check(bytes.len(), &structure, denominator, request.limits)?;
    let side = |length: u16| u32::from(length.div_ceil(denominator.into()));
    let memory = request.reserve(side(structure.frame.width), side(structure.frame.height), working);
    let reduced = |image, memory| Stored {
        image,
        memory,
        reduction: denominator,
    };
    if !structure.has_end {
        let image = unfinished_pixels(bytes, &structure, denominator)?;
        let warning = DecodeWarning::no_end(PictureFormat::Jpeg, "end-of-image marker");
        return Ok((reduced(image, memory), Some(warning)));
    }
    if !structure.progress.has_every_component() {
        return Err(malformed("the pixels of a component are missing"));
    }
    let image = match request.decoders {
        Decoders::Fastest => fastest_pixels(bytes, &structure, denominator)?,
        Decoders::Thorough => libjpeg::decode(bytes, &structure, denominator)?,
    };
    Ok((reduced(image, memory), None))
}

/// Checks a file without decoding its pixels, unless it has no proper end.
pub(super) fn check(bytes: &[u8], request: &Request) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    let structure = structure::read(bytes)?;
    cost::check(bytes.len(), &structure, 1, request.limits)?;
    if structure.has_end && structure.progress.has_every_component() {
        return Ok(None);
    }
    decode(bytes, request).map(|(_, warning)| warning)
}

/// The largest reduction that leaves `at_least` pixels on both sides and divides both. If it left a rest, the last column
/// would stand for less than the others, and boxes in the reduced picture would not be those in the whole.
fn denominator(structure: &Structure, at_least: Option<u32>) -> u8 {
    let sides = [structure.frame.width, structure.frame.height];
    let is_enough = |&denominator: &u8| {
        let fits = |side: u16| {
            let least = at_least.map(|least| least.saturating_mul(denominator.into()));
            side.is_multiple_of(denominator.into()) && least.is_some_and(|least| u32::from(side) >= least)
        };
        sides.into_iter().all(fits)
    };
    DENOMINATORS.into_iter().find(is_enough).unwrap_or(1)
}

/// The pixels, from the fastest decoder that is right.
fn fastest_pixels(bytes: &[u8], structure: &Structure, denominator: u8) -> Result<RgbImage, DecodeErrorKind> {
    if turbo::is_exact(structure)
        && flawless::is_flawless(bytes)
        && let Some(image) = turbo::decode(bytes, denominator)
    {
        return Ok(image);
    }
    libjpeg::decode(bytes, structure, denominator)
}

/// The pixels of a file without an end, if it has them all.
fn unfinished_pixels(
    bytes: &[u8],
    structure: &Structure,
    denominator: u8,
) -> Result<RgbImage, DecodeErrorKind> {
    if !structure.progress.is_complete() {
        return Err(truncated("it ends before its last pixels"));
    }
    if structure.frame.is_arithmetic {
        // Missing data stand for zeros, so a decoder always finds all pixels.
        return Err(truncated(
            "it has no end, and arithmetic coding does not tell whether pixels are missing",
        ));
    }
    libjpeg::decode(&finished(bytes), structure, denominator)
}

/// Data with the end-of-image marker that they lack. Zeros at the end fill up a file of which a part is missing; one alone is
/// data. Without them, libjpeg finds whether pixels are missing.
fn finished(bytes: &[u8]) -> Vec<u8> {
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    let is_stuffed = bytes[..used].ends_with(&[0xff]);
    let len = match bytes.len() - used {
        0 | 1 => bytes.len(),
        // A byte of data, `FF 00`.
        _ if is_stuffed => used + 1,
        _ => used,
    };
    [&bytes[..len], &[0xff, 0xd9]].concat()
}
