//! Every legal layout, through libjpeg-turbo as `mozjpeg` builds it: in C, without vector instructions.

mod messages;

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use image::RgbImage;
use mozjpeg::{ColorSpace, Decompress};

use super::structure::{Structure, malformed, truncated};
use crate::decode::error::DecodeErrorKind;
use messages::Message;

/// Bytes that libjpeg gets at once. With 512 for each block of an MCU or more, it takes a faster way through Huffman codes
/// that passes over invalid ones in silence.
const PIECE: usize = 512;

/// The pixels of a file, at a fraction of its size. Every damage is an error.
pub(super) fn decode(
    bytes: &[u8],
    structure: &Structure,
    denominator: u8,
) -> Result<RgbImage, DecodeErrorKind> {
    guarded(structure, || rgb(bytes, structure, denominator))
}

/// The levels of a file as they are stored. Every damage is an error. Its colours must be called grey, RGB or CMYK, which
/// libjpeg does not convert.
pub(super) fn stored_levels(bytes: &[u8], structure: &Structure) -> Result<Vec<u8>, DecodeErrorKind> {
    guarded(structure, || {
        let header = open(bytes)?;
        let colours = match structure.frame.components.len() {
            1 => ColorSpace::JCS_GRAYSCALE,
            3 => ColorSpace::JCS_RGB,
            _ => ColorSpace::JCS_CMYK,
        };
        let mut decoder = header.to_colorspace(colours).ok()?;
        let mut levels = vec![0; decoder.min_flat_buffer_size()];
        decoder.read_scanlines_into(&mut levels).ok()?;
        Some(levels)
    })
}

/// Calls `decode`, from which libjpeg unwinds at every damage. `None` if it finds no picture.
fn guarded<T>(structure: &Structure, decode: impl FnOnce() -> Option<T>) -> Result<T, DecodeErrorKind> {
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    let failed = match decoded {
        Ok(Some(decoded)) => return Ok(decoded),
        Ok(None) => None,
        Err(panic) => match panic.downcast::<Message>() {
            Ok(message) => Some(*message),
            Err(panic) => resume_unwind(panic),
        },
    };
    Err(match failed {
        Some(Message::DATA_END) if !structure.has_end => truncated("it ends within the pixels"),
        Some(Message::DATA_END) => malformed("its data end before its pixels do"),
        Some(message) => malformed(message.reason()),
        None => malformed("its header is damaged"),
    })
}

/// Reads the header. `None` if libjpeg finds no picture.
fn open(bytes: &[u8]) -> Option<Decompress<BufReader<&[u8]>>> {
    Decompress::builder()
        .with_err(messages::manager())
        .from_reader(BufReader::with_capacity(PIECE, bytes))
        .ok()
}

/// `None` if libjpeg finds no picture.
fn rgb(bytes: &[u8], structure: &Structure, denominator: u8) -> Option<RgbImage> {
    let mut header = open(bytes)?;
    header.scale(8 / denominator);
    let has_inks = structure.frame.components.len() == 4;
    let colours = if has_inks {
        ColorSpace::JCS_CMYK
    } else {
        ColorSpace::JCS_RGB
    };
    let mut decoder = header.to_colorspace(colours).ok()?;
    let (width, height) = (decoder.width(), decoder.height());
    let pixels: Vec<u8> = if has_inks {
        let inks = decoder.read_scanlines::<[u8; 4]>().ok()?;
        inks.iter().flat_map(without_inks).collect()
    } else {
        let mut pixels = vec![0; 3 * width * height];
        decoder.read_scanlines_into(&mut pixels).ok()?;
        pixels
    };
    RgbImage::from_raw(width as u32, height as u32, pixels)
}

/// Adobe stores inks inverted: 255 is none. Black darkens every channel. Rounds like Pillow.
fn without_inks(&[cyan, magenta, yellow, black]: &[u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| {
        let covered = u32::from(255 - ink) * u32::from(black) + 128;
        let covered = (covered + (covered >> 8)) >> 8;
        black.saturating_sub(covered as u8)
    })
}
