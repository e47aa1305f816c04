//! What the image crate does not look at in a WebP file before it decodes.

/// Bytes of a chunk's name and length.
const HEAD: usize = 8;
/// Bytes before the chunks of an animation's frame.
const FRAME_HEAD: usize = 16;

/// Whether the first frame has the size that the file announces for it. The decoder notices a difference only after it has
/// decoded the frame, which may be a thousand times larger. True for files that announce no size.
pub(super) fn has_one_size(bytes: &[u8]) -> bool {
    let chunks = bytes.get(12..).unwrap_or_default();
    let canvas = find(chunks, &[b"VP8X"]).and_then(|(_, header)| size_at(header, 4));
    let (Some(canvas), Some((name, content))) = (canvas, find(chunks, &[b"VP8 ", b"VP8L", b"ANMF"])) else {
        return true;
    };
    let (announced, frame) = match name {
        b"ANMF" => {
            let chunks = content.get(FRAME_HEAD..).unwrap_or_default();
            (size_at(content, 6), find(chunks, &[b"VP8 ", b"VP8L"]))
        }
        _ => (Some(canvas), Some((name, content))),
    };
    let found = frame.and_then(|(name, content)| frame_size(name, content));
    // A frame without a size is none that is decoded.
    found.is_none_or(|found| announced == Some(found))
}

/// Name and content of the first chunk with one of these names. The last chunk may be cut off.
fn find<'a>(chunks: &'a [u8], names: &[&[u8; 4]]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let mut rest = chunks;
    loop {
        let name = rest.first_chunk()?;
        let length = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?) as usize;
        let content = &rest[HEAD..];
        if names.contains(&name) {
            return Some((name, &content[..length.min(content.len())]));
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::*;
    use crate::decode::{check_bytes, decode_bytes};

    fn file(chunks: &[u8]) -> Vec<u8> {
        let length = chunks.len() as u32 + 4;
        [b"RIFF", &length.to_le_bytes()[..], b"WEBP", chunks].concat()
    }

    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        assert!(content.len().is_multiple_of(2));
        [name, &(content.len() as u32).to_le_bytes()[..], content].concat()
    }

    /// Two numbers less one, in three bytes each.
    fn sides(width: u32, height: u32) -> Vec<u8> {
        [width, height]
            .iter()
            .flat_map(|side| (side - 1).to_le_bytes().into_iter().take(3))
            .collect()
    }

    /// The chunk of a picture without loss.
    fn frame(width: u32, height: u32) -> Vec<u8> {
        let mut file = Vec::new();
        let image = RgbaImage::from_pixel(width, height, image::Rgba([9, 80, 200, 255]));
        image
            .write_to(&mut Cursor::new(&mut file), ImageFormat::WebP)
            .unwrap();
        assert_eq!(&file[12..16], b"VP8L");
        file.split_off(12)
    }

    fn on_canvas(width: u32, height: u32, frame: &[u8]) -> Vec<u8> {
        let header = chunk(b"VP8X", &[&[0; 4][..], &sides(width, height)].concat());
        file(&[&header[..], frame].concat())
    }

    fn animated(width: u32, height: u32, frame: &[u8]) -> Vec<u8> {
        let header = chunk(b"VP8X", &[&[2, 0, 0, 0][..], &sides(20, 20)].concat());
        let frame = [&[0; 6][..], &sides(width, height), &[0; 4], frame].concat();
        file(&[header, chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)].concat())
    }

    #[test]
    fn a_frame_of_another_size_is_refused_before_it_is_decoded() {
        for (whole, file) in [
            (true, file(&frame(20, 10))),
            (true, on_canvas(20, 10, &frame(20, 10))),
            (false, on_canvas(20, 10, &frame(20, 11))),
            (false, on_canvas(20, 10, &frame(21, 10))),
            (true, animated(20, 10, &frame(20, 10))),
            (false, animated(20, 10, &frame(20, 11))),
        ] {
            assert_eq!(has_one_size(&file), whole);
            // The decoder finds the same in the end.
            assert_eq!(decode_bytes(&file).is_ok(), whole);
            assert_eq!(check_bytes(&file).is_ok(), whole);
        }
    }

    #[test]
    fn a_frame_with_loss_has_its_size_after_the_start_code() {
        let frame = |width: u16, height: u16| {
            let sides = [width.to_le_bytes(), height.to_le_bytes()].concat();
            chunk(b"VP8 ", &[&[0x50, 1, 0, 0x9d, 1, 0x2a][..], &sides].concat())
        };
        assert!(has_one_size(&on_canvas(20, 10, &frame(20, 10))));
        // The two upper bits say how to enlarge the picture.
        assert!(has_one_size(&on_canvas(20, 10, &frame(20 | 0x4000, 10))));
        assert!(!has_one_size(&on_canvas(20, 10, &frame(16383, 10))));
        let huge = on_canvas(20, 10, &frame(16383, 16383));
        assert!(
            check_bytes(&huge)
                .unwrap_err()
                .to_string()
                .contains("another size")
        );
    }
}
