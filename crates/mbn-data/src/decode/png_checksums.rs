//! PNG: pixels whose chunks have a wrong checksum are decoded if the checksum of the pixels themselves is right.

use std::io::Cursor;

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;
use super::png_pixels;
use super::request::{Request, Stored};
use super::warning::DecodeWarning;

/// Decodes a file to RGB, as it is stored.
pub(super) fn decode(
    bytes: &[u8],
    request: &Request,
) -> Result<(Stored, Option<DecodeWarning>), DecodeErrorKind> {
    let error = match png_pixels::decode(bytes, request) {
        Ok(stored) => return Ok((stored, None)),
        Err(error) => error,
    };
    let wrong = wrong_checksums(bytes);
    let Some(first) = wrong.first() else {
        return Err(error);
    };
    let malformed = |reason: String| DecodeErrorKind::Malformed {
        format: PictureFormat::Png,
        reason,
    };
    if let Some(other) = wrong.iter().find(|chunk| &chunk.name != b"IDAT") {
        let name = String::from_utf8_lossy(&other.name).into_owned();
        return Err(malformed(format!("the checksum of its `{name}` chunk is wrong")));
    }
    let mut mended = bytes.to_vec();
    for chunk in &wrong {
        mended[chunk.end - 4..chunk.end].copy_from_slice(&chunk.checksum.to_be_bytes());
    }
    log::debug!(
        "{} `IDAT` chunks have a wrong checksum, the first ends at {}",
        wrong.len(),
        first.end
    );
    if !are_pixels_right(&mended) {
        return Err(malformed("the checksum of its pixels is wrong".to_owned()));
    }
    let stored = png_pixels::decode(&mended, request)?;
    Ok((stored, Some(DecodeWarning::Checksum)))
}

/// A chunk whose checksum is wrong.
struct Wrong {
    name: [u8; 4],
    /// Where the chunk ends, with its checksum.
    end: usize,
    /// What its checksum should be.
    checksum: u32,
}

fn wrong_checksums(bytes: &[u8]) -> Vec<Wrong> {
    let (mut wrong, mut at) = (Vec::new(), 8usize);
    while let Some(&[a, b, c, d, ref name @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let data_end = (at + 8).saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        let end = data_end.saturating_add(4);
        let Some(found) = bytes.get(data_end..end) else {
            break;
        };
        let checksum = crc32fast::hash(&bytes[at + 4..data_end]);
        if found != checksum.to_be_bytes() {
            let name = *name;
            wrong.push(Wrong { name, end, checksum });
        }
        at = end;
    }
    wrong
}

/// Whether the checksum (Adler-32) over the filtered pixels is right.
fn are_pixels_right(bytes: &[u8]) -> bool {
    let mut options = png::DecodeOptions::default();
    options.set_ignore_adler32(false);
    let read = || -> Option<()> {
        let mut reader = png::Decoder::new_with_options(Cursor::new(bytes), options)
            .read_info()
            .ok()?;
        let mut row = vec![0; reader.output_line_size(reader.info().width)?];
        while reader.read_row(&mut row).ok()?.is_some() {}
        reader.finish().ok()
    };
    read().is_some()
}
