//! What decoding a file takes, before it begins. A small file can claim a large picture, and go over it in many scans.

use super::structure::{Process, Structure, malformed};
use crate::decode::error::DecodeErrorKind;
use crate::decode::limits::check_size;
use crate::decode::picture_format::PictureFormat;

/// Longest side that libjpeg decodes.
const LONGEST_SIDE: u16 = 65_500;
/// Most blocks that all scans together may visit. A picture of 89 megapixels in the ten scans that libjpeg writes has 42
/// million. Each visit takes at least 3 ns, however little data there are.
const MOST_BLOCKS: u64 = 200_000_000;
/// Bytes of a block of coefficients.
const BLOCK_BYTES: u64 = 128;

/// Refuses a file that takes too much memory or time.
pub(super) fn check(structure: &Structure, denominator: u8) -> Result<(), DecodeErrorKind> {
    let frame = &structure.frame;
    let blocks: u64 = frame
        .components
        .iter()
        .map(|component| frame.blocks(*component))
        .sum();
    let is_kept = frame.process == Process::Progressive || !structure.is_interleaved || structure.scans > 1;
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let pixels = u64::from(width) * u64::from(height) / u64::from(denominator).pow(2);
    let bytes = match is_kept {
        // The picture's bytes and its coefficients share what is allowed.
        true => (3 * pixels + BLOCK_BYTES * blocks).div_ceil(2),
        false => 3 * pixels,
    };
    check_size(PictureFormat::Jpeg, width, height, bytes)?;
    if frame.width > LONGEST_SIDE || frame.height > LONGEST_SIDE {
        return Err(malformed(&format!(
            "it has {} x {} pixels, expected at most {LONGEST_SIDE} a side",
            frame.width, frame.height
        )));
    }
    if structure.visits > MOST_BLOCKS {
        return Err(malformed(&format!(
            "its {} scans go over {} blocks, expected at most {MOST_BLOCKS}",
            structure.scans, structure.visits
        )));
    }
    Ok(())
}
