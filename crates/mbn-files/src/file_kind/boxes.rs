//! The formats of phones and cameras, which are boxes (ISO 14496-12). The first box is `ftyp` and names brands: the major one, and
//! those of all specifications that the file complies with.

use super::{FileKind, has};

/// Brands of pictures, and of sequences of them, coded as AV1.
const AVIF: [&[u8]; 2] = [b"avif", b"avis"];

/// Brands of pictures coded as HEVC, in one layer and in several (ISO 23008-12).
const HEIC: [&[u8]; 4] = [b"heic", b"heix", b"heim", b"heis"];

/// The same for sequences, of which the first picture counts.
const HEIC_SEQUENCE: [&[u8]; 4] = [b"hevc", b"hevx", b"hevm", b"hevs"];

/// Brands of pictures in any coding. The others tell which; without them it is most likely HEVC.
const ANY_CODING: [&[u8]; 3] = [b"mif1", b"mif2", b"mif3"];

/// Those that are pictures only as the major brand: videos may comply with them.
const ANY_CODING_AS_MAJOR: [&[u8]; 2] = [b"msf1", b"miaf"];

pub(super) fn isobmff(head: &[u8]) -> Option<FileKind> {
    if !has(head, 4, b"ftyp") {
        return None;
    }
    let major = head.get(8..12)?;
    let is_avif = || names_any(head, &AVIF);
    let is_heif = || names_any(head, &HEIC) || names_any(head, &ANY_CODING);
    Some(match major {
        b"crx " => FileKind::Picture("Canon RAW"),
        b"qt  " => FileKind::Video("QuickTime"),
        _ if HEIC.contains(&major) || HEIC_SEQUENCE.contains(&major) => FileKind::Picture("HEIC"),
        _ if is_avif() => FileKind::Picture("AVIF"),
        _ if ANY_CODING_AS_MAJOR.contains(&major) || is_heif() => FileKind::Picture("HEIC"),
        _ => FileKind::Video("MP4"),
    })
}

/// Whether the first box names one of the brands, as the major one or another.
fn names_any(head: &[u8], brands: &[&[u8]]) -> bool {
    let length = head
        .first_chunk()
        .map_or(0, |length| u32::from_be_bytes(*length) as usize);
    // The length of a box that ends with the file is 0; the major brand is there all the same.
    let named = head
        .get(8..length.clamp(12, head.len().max(12)))
        .unwrap_or_default();
    named.chunks_exact(4).any(|brand| brands.contains(&brand))
}
