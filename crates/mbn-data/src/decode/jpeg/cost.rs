//! What decoding a file takes, before it begins. A small file can claim a large picture, and go over it in many scans.

use super::frame::Process;
use super::structure::{Structure, malformed, truncated};
use crate::decode::error::DecodeErrorKind;
use crate::decode::limits::Limits;
use crate::decode::picture_format::PictureFormat;

/// Longest side that libjpeg decodes.
const LONGEST_SIDE: u16 = 65_500;
/// Most blocks that all scans together may visit. A picture of 134 megapixels in the ten scans that libjpeg writes has 63
/// million. Each visit takes at least 3 ns, however little data there are.
pub(in crate::decode) const MOST_BLOCKS: u64 = 200_000_000;
/// The same in arithmetic coding, where each visit takes up to 75 ns.
const MOST_ARITHMETIC_BLOCKS: u64 = 50_000_000;
/// Coefficients of a block, which are also its pixels.
const BLOCK: u64 = 64;
/// Bytes of a pixel.
const RGB: u64 = 3;
/// Bytes of a coefficient.
const COEFFICIENT: u64 = 2;

/// Refuses a file of `bytes` bytes that takes too much memory or time, or is too short for its pixels. Returns the bytes that
/// decoding takes beside the pixels that it gives.
pub(super) fn check(
    bytes: usize,
    structure: &Structure,
    denominator: u8,
    limits: Limits,
) -> Result<u64, DecodeErrorKind> {
    let frame = &structure.frame;
    limits.check_pixels(PictureFormat::Jpeg, frame.width.into(), frame.height.into())?;
    if frame.width > LONGEST_SIDE || frame.height > LONGEST_SIDE {
        return Err(malformed(&format!(
            "it has {} x {} pixels, expected at most {LONGEST_SIDE} a side",
            frame.width, frame.height
        )));
    }
    let blocks: u64 = frame
        .components
        .iter()
        .map(|component| frame.blocks(*component))
        .sum();
    let coefficients = match keeps_coefficients(structure) {
        true => COEFFICIENT * BLOCK * blocks,
        false => 0,
    };
    let form = match frame.process {
        Process::Progressive => "progressive ",
        _ => "multi-scan ",
    };
    limits.check_bytes(PictureFormat::Jpeg, form, coefficients)?;
    if frame.is_arithmetic {
        // A few bytes can hold any number of pixels that are all alike.
        let pixels = RGB * u64::from(frame.width) * u64::from(frame.height) / u64::from(denominator).pow(2);
        limits.check_bytes(PictureFormat::Jpeg, "arithmetic-coded ", coefficients + pixels)?;
    }
    check_visits(structure)?;
    check_length(bytes, structure)?;
    // All components at their own size, or four inks instead of three colours.
    let components = BLOCK * blocks / u64::from(denominator).pow(2);
    Ok(coefficients + components)
}

/// Refuses a file whose scans take too long.
fn check_visits(structure: &Structure) -> Result<(), DecodeErrorKind> {
    let most = match structure.frame.is_arithmetic {
        true => MOST_ARITHMETIC_BLOCKS,
        false => MOST_BLOCKS,
    };
    if structure.visits > most {
        return Err(malformed(&format!(
            "its {} scans go over {} blocks, expected at most {most}",
            structure.scans, structure.visits
        )));
    }
    Ok(())
}

/// Refuses a file that is too short for its pixels: a few bytes must not take the memory of a large picture.
fn check_length(bytes: usize, structure: &Structure) -> Result<(), DecodeErrorKind> {
    if 8 * (bytes as u64) >= structure.fewest_bits {
        return Ok(());
    }
    Err(match structure.has_end {
        true => malformed("its data end before its pixels do"),
        false => truncated("it ends within the pixels"),
    })
}

/// Whether all coefficients are in memory before the first pixel is made.
pub(super) fn keeps_coefficients(structure: &Structure) -> bool {
    structure.frame.process == Process::Progressive || !structure.is_interleaved || structure.scans > 1
}
