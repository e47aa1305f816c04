//! Where each format keeps Exif and XMP.

mod png;

use std::borrow::Cow;

use super::exif;

pub(super) use png::png;

/// The metadata blocks of a file that may say how it is turned.
#[derive(Default)]
pub(super) struct Metadata<'a> {
    pub exif: Option<Cow<'a, [u8]>>,
    pub xmp: Option<Cow<'a, [u8]>>,
}

/// `APP1` segments before the first scan. Exif that one segment does not hold goes on in the next, which begins alike.
pub(super) fn jpeg(bytes: &[u8]) -> Metadata<'_> {
    const EXIF: &[u8] = b"Exif\0\0";
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let mut found = Metadata::default();
    let mut at = 2;
    while let Some((marker, content, next)) = jpeg_segment(bytes, at) {
        at = next;
        match marker {
            0xda | 0xd9 => break,
            0xe1 => {
                if let Some(more) = content.strip_prefix(EXIF) {
                    match &mut found.exif {
                        Some(exif) => exif.to_mut().extend_from_slice(more),
                        None => found.exif = Some(Cow::Borrowed(content)),
                    }
                } else if let Some(xmp) = content.strip_prefix(XMP) {
                    found.xmp = Some(Cow::Borrowed(xmp));
                }
            }
            _ => {}
        }
    }
    found
}

/// The next marker at or after `at`, its content, and where it ends. Skips stray bytes between segments.
fn jpeg_segment(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let mut at = at;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match *bytes.get(at + 1)? {
            0xff => at += 1,
            // Stuffing, TEM, restart markers and SOI have no length.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            marker => {
                let length = bytes.get(at + 2..at + 4)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let next = at + 2 + length;
                return Some((marker, bytes.get(at + 4..next)?, next));
            }
        }
    }
}

/// Chunks of a RIFF file: name, length and data, padded to an even length. Those count that the flags of `VP8X`, which is the
/// first, announce.
pub(super) fn webp(bytes: &[u8]) -> Metadata<'_> {
    const HAS_XMP: u8 = 4;
    const HAS_EXIF: u8 = 8;
    let mut found = Metadata::default();
    let mut rest = bytes.get(12..).unwrap_or_default();
    let flags = match rest.strip_prefix(b"VP8X") {
        Some([_, _, _, _, flags, ..]) => *flags,
        _ => return found,
    };
    while let Some((header, content)) = rest.split_first_chunk::<8>() {
        let [name @ .., a, b, c, d] = *header;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some(content) = content.get(..length) else {
            break;
        };
        match &name {
            b"EXIF" if flags & HAS_EXIF != 0 => found.exif = found.exif.or(Some(Cow::Borrowed(content))),
            b"XMP " if flags & HAS_XMP != 0 => found.xmp = found.xmp.or(Some(Cow::Borrowed(content))),
            _ => {}
        }
        rest = rest.get(8 + length.next_multiple_of(2)..).unwrap_or_default();
    }
    found
}

/// The file itself has the layout of Exif.
pub(super) fn tiff(bytes: &[u8]) -> Metadata<'_> {
    Metadata {
        exif: Some(Cow::Borrowed(bytes)),
        xmp: exif::xmp(bytes).map(Cow::Borrowed),
    }
}
