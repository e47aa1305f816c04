//! The usual layouts, through libjpeg-turbo-rs, which has vector instructions.

use image::RgbImage;
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat, ScalingFactor};

use super::cost::keeps_coefficients;
use super::frame::Process;
use super::structure::Structure;

/// Most pixels that are decoded here. The decoder keeps all components of a picture in memory, libjpeg a few rows.
const MOST_PIXELS: u64 = 40_000_000;
/// Most pixels of a file whose coefficients are all kept until its end.
const MOST_KEPT_PIXELS: u64 = 16_000_000;
/// Most scans of a file that is decoded here.
const MOST_SCANS: u32 = 64;

/// Whether the decoder gives libjpeg's pixels for such files; `docs/decoding.md` has the measurements. It does not for four
/// components, and refuses chrominance that is finer than luminance.
pub(super) fn is_exact(structure: &Structure) -> bool {
    let frame = &structure.frame;
    let first_is_finest = frame
        .components
        .first()
        .is_some_and(|first| (first.h, first.v) == frame.most());
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let most_pixels = match keeps_coefficients(structure) {
        true => MOST_KEPT_PIXELS,
        false => MOST_PIXELS,
    };
    frame.components.len() <= 3
        && first_is_finest
        && !frame.is_arithmetic
        && (structure.is_interleaved || frame.process != Process::Progressive)
        && structure.scans <= MOST_SCANS
        && pixels <= most_pixels
}

/// The pixels of a file that has its end. `None` if the decoder finds anything unusual: libjpeg then says what it is.
pub(super) fn decode(bytes: &[u8], denominator: u8) -> Option<RgbImage> {
    let ([width, height], pixels) = levels(bytes, denominator, PixelFormat::Rgb)?;
    RgbImage::from_raw(width, height, pixels)
}

/// The same of a file whose colours are stored as grey, or as RGB if it has three `channels`.
pub(super) fn stored_levels(bytes: &[u8], channels: usize) -> Option<Vec<u8>> {
    let format = match channels {
        1 => PixelFormat::Grayscale,
        3 => PixelFormat::Rgb,
        _ => return None,
    };
    levels(bytes, 1, format).map(|(_, levels)| levels)
}

/// Width and height with all levels.
fn levels(bytes: &[u8], denominator: u8, format: PixelFormat) -> Option<([u32; 2], Vec<u8>)> {
    let limits = DecodeLimits {
        max_pixels: MOST_PIXELS,
        max_scans: MOST_SCANS as usize,
        ..DecodeLimits::default()
    };
    let mut decoder = Decoder::new_with_limits(bytes, limits).ok()?;
    decoder.set_output_format(format);
    if denominator > 1 {
        decoder.set_scale(ScalingFactor::try_new(1, denominator.into()).ok()?);
    }
    let (width, height) = (decoder.output_width(), decoder.output_height());
    let sides = [u32::try_from(width).ok()?, u32::try_from(height).ok()?];
    let mut levels = vec![0; width.checked_mul(height)?.checked_mul(format.bytes_per_pixel())?];
    let info = decoder.decode_image_into(&mut levels).ok()?;
    let is_whole = (info.width, info.height, info.bytes_written) == (width, height, levels.len());
    (is_whole && info.warnings.is_empty()).then_some((sides, levels))
}
