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
    let decoded = catch_unwind(AssertUnwindSafe(|| rgb(bytes, structure, denominator)));
    let failed = match decoded {
        Ok(Some(image)) => return Ok(image),
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

/// `None` if libjpeg finds no picture.
fn rgb(bytes: &[u8], structure: &Structure, denominator: u8) -> Option<RgbImage> {
    let mut header = Decompress::builder()
        .with_err(messages::manager())
        .from_reader(BufReader::with_capacity(PIECE, bytes))
        .ok()?;
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
