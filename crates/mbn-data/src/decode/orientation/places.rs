//! Where each format keeps Exif and XMP.

mod png;

use std::borrow::Cow;

use super::exif;
use crate::decode::segments::{SCAN, Segments};

pub(super) use png::png;

/// The metadata blocks of a file that may say how it is turned.
#[derive(Default)]
pub(super) struct Metadata<'a> {
    pub exif: Option<Cow<'a, [u8]>>,
    pub xmp: Option<Cow<'a, [u8]>>,
}

/// `APP1` segments before the first scan. Exif that one segment does not hold goes on in the next, which begins alike.
pub(super) fn jpeg(bytes: &[u8]) -> Metadata<'_> {
    const APP1: u8 = 0xe1;
    const EXIF: &[u8] = b"Exif\0\0";
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let mut found = Metadata::default();
    for segment in Segments::of(bytes).take_while(|segment| segment.marker != SCAN) {
        if segment.marker != APP1 {
            continue;
        }
        let content = segment.content;
        if let Some(more) = content.strip_prefix(EXIF) {
            match &mut found.exif {
                Some(exif) => exif.to_mut().extend_from_slice(more),
                None => found.exif = Some(Cow::Borrowed(content)),
            }
        } else if let Some(xmp) = content.strip_prefix(XMP) {
            found.xmp = Some(Cow::Borrowed(xmp));
        }
    }
    found
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
