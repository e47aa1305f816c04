//! BMP, also in runs and with the header of OS/2 2.x.

use std::borrow::Cow;

use image::ImageDecoder;

use super::error::DecodeErrorKind;
use super::memory::Reservation;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};
use super::{bmp_runs, image_crate};

/// Where the header begins that describes the pixels.
const HEADER: usize = 14;
/// Length of Windows' header. That of OS/2 begins alike and goes on to 64 bytes, or stops early where zeros follow.
const WINDOWS: u32 = 40;
/// Length of the longest header of OS/2.
const OS2: u32 = 64;
/// Longest side that the decoder takes.
const LONGEST_SIDE: u32 = 65_535;
/// Compressions that mean something else in OS/2: Huffman coding, and runs of 24-bit pixels.
const OS2_COMPRESSIONS: [u32; 2] = [3, 4];

/// Decodes a file to RGB.
pub(super) fn decode(bytes: &[u8], request: &Request) -> Result<Stored, DecodeErrorKind> {
    let bytes = with_windows_header(bytes)?;
    if bmp_runs::has_runs(&bytes) {
        let (bytes, memory) = unpacked(&bytes, request)?;
        let image = image_crate::decode_reserved(PictureFormat::Bmp, &bytes, request.limits)?;
        return Ok(Stored::whole(image, memory));
    }
    let mut stored = image_crate::decode(PictureFormat::Bmp, &bytes, request)?;
    if let Some(bits) = bits_of_channels(&bytes) {
        let tables = bits.map(rounded_down);
        for pixel in stored.image.pixels_mut() {
            for (value, table) in pixel.0.iter_mut().zip(&tables) {
                *value = table[usize::from(*value)];
            }
        }
    }
    Ok(stored)
}

/// Checks the header, and of runs that they fill the picture.
pub(super) fn check(bytes: &[u8], request: &Request) -> Result<(), DecodeErrorKind> {
    let bytes = with_windows_header(bytes)?;
    match bmp_runs::has_runs(&bytes) {
        true => unpacked(&bytes, request).map(drop),
        false => image_crate::open(PictureFormat::Bmp, &bytes, request.limits).map(drop),
    }
}

/// The file with a byte for each pixel instead of runs, and the memory to decode it.
fn unpacked(bytes: &[u8], request: &Request) -> Result<(Vec<u8>, Reservation), DecodeErrorKind> {
    let decoder = image_crate::open(PictureFormat::Bmp, bytes, request.limits)?;
    let (width, height) = decoder.dimensions();
    let indexes = bmp_runs::unpacked_bytes(bytes);
    let total = rgb_bytes(width, height).saturating_add(indexes);
    request.limits.check_bytes(PictureFormat::Bmp, "", total)?;
    let memory = request.reserve(width, height, indexes);
    Ok((bmp_runs::unpacked(bytes)?, memory))
}

/// Bits of red, green and blue in pixels of 16 bits.
fn bits_of_channels(bytes: &[u8]) -> Option<[u32; 3]> {
    const MASKED: [u32; 2] = [3, 6];
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(HEADER + at..)?.first_chunk()?));
    let has_16_bits = number(0)? >= WINDOWS && number(14)? & 0xffff == 16;
    match number(16)? {
        _ if !has_16_bits => None,
        compression if MASKED.contains(&compression) => {
            let masks = [number(40)?, number(44)?, number(48)?];
            Some(masks.map(u32::count_ones))
        }
        _ => Some([5; 3]),
    }
}

/// From the decoder's value of a channel to Pillow's: both spread 5 or 6 bits over 0 to 255, but Pillow rounds down.
fn rounded_down(bits: u32) -> [u8; 256] {
    let mut table = std::array::from_fn(|value| value as u8);
    if let 5 | 6 = bits {
        let most = (1u32 << bits) - 1;
        for value in 0..=most {
            let nearest = (value * 255 * 2 + most) / (2 * most);
            table[nearest as usize] = (value * 255 / most) as u8;
        }
    }
    table
}

/// The file with Windows' header, if it has that of OS/2 2.x.
fn with_windows_header(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeErrorKind> {
    let number = |at: usize| -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let (Some(length @ 16..), Some(offset)) = (number(HEADER), number(10)) else {
        return Ok(bytes.into());
    };
    // A negative height means that the top row comes first.
    let sides = [number(HEADER + 4), number(HEADER + 8)];
    if sides
        .iter()
        .flatten()
        .any(|side| side.cast_signed().unsigned_abs() > LONGEST_SIDE)
    {
        return Err(unsupported(&format!(
            "it has more than {LONGEST_SIDE} pixels a side"
        )));
    }
    if length > OS2 {
        return Ok(bytes.into());
    }
    // Windows' own headers, of which the longer ones add masks.
    if [WINDOWS, 52, 56].contains(&length) {
        return Ok(bytes.into());
    }
    let Some((header, rest)) = bytes[HEADER..].split_at_checked(length as usize) else {
        return Ok(bytes.into());
    };
    let mut windows = header.to_vec();
    windows.resize(WINDOWS as usize, 0);
    windows[..4].copy_from_slice(&WINDOWS.to_le_bytes());
    let compression = u32::from_le_bytes([windows[16], windows[17], windows[18], windows[19]]);
    if OS2_COMPRESSIONS.contains(&compression) {
        return Err(unsupported("it is compressed as only OS/2 does"));
    }
    let offset = (offset + WINDOWS).saturating_sub(length).to_le_bytes();
    Ok([&bytes[..10], &offset, &windows, rest].concat().into())
}

fn unsupported(form: &str) -> DecodeErrorKind {
    DecodeErrorKind::Unsupported {
        format: PictureFormat::Bmp,
        form: form.to_owned(),
    }
}
