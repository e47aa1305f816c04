//! WebP: the first frame, which the image crate decodes as a file of its own.

use std::borrow::Cow;

use image::RgbImage;

use super::error::DecodeErrorKind;
use super::image_crate;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};

/// Bytes of a chunk's name and length.
const HEAD: usize = 8;
/// Bytes before the chunks of an animation's frame.
const FRAME_HEAD: usize = 16;

/// Decodes a file to RGB, as libwebp's decoder of animations does: the first frame as it is, on a canvas of black.
pub(super) fn decode(bytes: &[u8], request: &Request) -> Result<Stored, DecodeErrorKind> {
    let First { file, canvas } = first(bytes, request.limits)?;
    let mut request = *request;
    if let Cow::Owned(file) = &file {
        request.file_bytes += file.len() as u64;
    }
    let Some(Canvas { size, left, top }) = canvas else {
        return image_crate::decode(PictureFormat::WebP, &file, &request);
    };
    // The canvas, and a copy if it is turned.
    request.file_bytes += 2 * rgb_bytes(size.0, size.1);
    let Stored { image, memory, .. } = image_crate::decode(PictureFormat::WebP, &file, &request)?;
    let mut canvas = RgbImage::new(size.0, size.1);
    for (x, y, pixel) in image.enumerate_pixels() {
        canvas.put_pixel(left + x, top + y, *pixel);
    }
    Ok(Stored::whole(canvas, memory))
}

/// Checks a file without decoding its pixels.
pub(super) fn check(bytes: &[u8], limits: Limits) -> Result<(), DecodeErrorKind> {
    let First { file, .. } = first(bytes, limits)?;
    image_crate::open(PictureFormat::WebP, &file, limits).map(drop)
}

/// The first frame.
struct First<'a> {
    /// A file of it alone.
    file: Cow<'a, [u8]>,
    /// Where it lies, unless it is the whole picture.
    canvas: Option<Canvas>,
}

/// The picture of an animation, and where the first frame lies in it.
struct Canvas {
    size: (u32, u32),
    left: u32,
    top: u32,
}

/// Takes the first frame out of a file with the extended header. The image crate mixes it with what is behind it, and takes an
/// announced chunk that is missing, such as alpha, for damage.
fn first(bytes: &[u8], limits: Limits) -> Result<First<'_>, DecodeErrorKind> {
    const IS_ANIMATED: u8 = 2;
    let chunks = bytes.get(12..).unwrap_or_default();
    if !chunks.starts_with(b"VP8X") {
        return Ok(First {
            file: bytes.into(),
            canvas: None,
        });
    }
    let header =
        find(chunks, &[b"VP8X"]).and_then(|(_, header)| Some((*header.first()?, size_at(header, 4)?)));
    let (flags, size) = header.ok_or_else(|| malformed("its header is cut off"))?;
    limits.check_pixels(PictureFormat::WebP, size.0, size.1)?;
    let (frame, announced, place) = match flags & IS_ANIMATED != 0 {
        false => (Some(chunks), Some(size), (0, 0)),
        true => {
            let content = find(chunks, &[b"ANMF"])
                .map(|(_, content)| content)
                .unwrap_or_default();
            // Stored as a size is, and halved.
            let place = size_at(content, 0).map_or((0, 0), |(left, top)| (2 * (left - 1), 2 * (top - 1)));
            (content.get(FRAME_HEAD..), size_at(content, 6), place)
        }
    };
    let pixels = frame.and_then(|frame| Some((frame, find(frame, &[b"VP8 ", b"VP8L"])?)));
    let (frame, (name, content)) =
        pixels.ok_or_else(|| malformed("its first frame is missing or cut off"))?;
    let found = frame_size(name, content);
    // The decoder would notice it only after the frame, which may be a thousand times larger, is decoded.
    if found.is_none() || announced != found {
        return Err(malformed("its first frame has another size than its header says"));
    }
    let (width, height) = found.unwrap_or_default();
    if place.0 + width > size.0 || place.1 + height > size.1 {
        return Err(malformed("its first frame lies outside of its canvas"));
    }
    let canvas = Canvas {
        size,
        left: place.0,
        top: place.1,
    };
    limits.check_bytes(PictureFormat::WebP, "", 2 * rgb_bytes(size.0, size.1))?;
    Ok(First {
        file: alone(frame, name, content).into(),
        canvas: ((width, height) != size).then_some(canvas),
    })
}

/// A file of one frame. With alpha, it needs the extended header.
fn alone(frame: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    const HAS_ALPHA: u8 = 16;
    let mut chunks = Vec::with_capacity(content.len() + 64);
    let mut add = |name: &[u8; 4], content: &[u8]| {
        chunks.extend_from_slice(name);
        chunks.extend_from_slice(&(content.len() as u32).to_le_bytes());
        chunks.extend_from_slice(content);
        chunks.resize(chunks.len().next_multiple_of(2), 0);
    };
    let alpha = find(frame, &[b"ALPH", name]).filter(|(found, _)| *found == b"ALPH" && name == b"VP8 ");
    if let (Some((_, alpha)), Some((width, height))) = (alpha, frame_size(name, content)) {
        let mut header = [0; 10];
        header[0] = HAS_ALPHA;
        header[4..7].copy_from_slice(&(width - 1).to_le_bytes()[..3]);
        header[7..].copy_from_slice(&(height - 1).to_le_bytes()[..3]);
        add(b"VP8X", &header);
        add(b"ALPH", alpha);
    }
    add(name, content);
    [
        b"RIFF",
        &(chunks.len() as u32 + 4).to_le_bytes()[..],
        b"WEBP",
        &chunks,
    ]
    .concat()
}

/// Name and content of the first chunk with one of these names. `None` if it is cut off.
fn find<'a>(chunks: &'a [u8], names: &[&[u8; 4]]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let mut rest = chunks;
    loop {
        let name = rest.first_chunk()?;
        let length = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?) as usize;
        let content = &rest[HEAD..];
        if names.contains(&name) {
            return Some((name, content.get(..length)?));
        }
        rest = content.get(length.checked_next_multiple_of(2)?..)?;
    }
}

/// Width and height in three bytes each, less one.
fn size_at(content: &[u8], at: usize) -> Option<(u32, u32)> {
    let [a, b, c, d, e, f] = *content.get(at..)?.first_chunk()?;
    let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
    Some((side([a, b, c]), side([d, e, f])))
}

/// The size in the header of a frame: RFC 6386, section 9.1, and WebP Lossless, section 3.
fn frame_size(name: &[u8; 4], content: &[u8]) -> Option<(u32, u32)> {
    if name == b"VP8 " {
        let [a, b, c, d] = *content.get(3..)?.strip_prefix(b"\x9d\x01\x2a")?.first_chunk()?;
        let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
        return Some((side([a, b]), side([c, d])));
    }
    let bits = u32::from_le_bytes(*content.strip_prefix(b"\x2f")?.first_chunk()?);
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::WebP,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
