//! Exif and XMP in PNG: a chunk, or text that other programs made of them. They may follow the pixels.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::Metadata;

/// Bytes of text that are unpacked from a file; a small chunk can hold far more, and a file many of them.
const MOST_TEXT: u64 = 1 << 20;

/// The chunk `eXIf` counts before a raw profile, the first of each before later ones.
pub(in super::super) fn png(bytes: &[u8]) -> Metadata<'_> {
    let mut found = Metadata::default();
    let (mut profile, mut left) = (None, MOST_TEXT);
    for (name, content) in chunks(bytes) {
        match &name {
            b"eXIf" => found.exif = found.exif.or(Some(Cow::Borrowed(content))),
            b"tEXt" | b"zTXt" | b"iTXt" => {
                let Some((keyword, text)) = text_of(name, content, &mut left) else {
                    continue;
                };
                match keyword {
                    b"Raw profile type exif" | b"Raw profile type APP1" => {
                        profile = profile.or_else(|| raw_profile(&text));
                    }
                    b"XML:com.adobe.xmp" => found.xmp = found.xmp.or(Some(text)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found.exif = found.exif.or(profile.map(Cow::Owned));
    found
}

/// Name and content of each complete chunk.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let ([a, b, c, d, name @ ..], after) = rest.split_first_chunk::<8>()?;
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let content = after.get(..length)?;
        // The checksum follows.
        rest = after.get(length.checked_add(4)?..).unwrap_or_default();
        Some((*name, content))
    })
}

/// Keyword and text of a text chunk that may hold metadata. Unpacks only those, and at most `left` bytes.
fn text_of<'a>(name: [u8; 4], content: &'a [u8], left: &mut u64) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
    let (keyword, rest) = split_at_zero(content)?;
    if !keyword.starts_with(b"Raw profile type ") && keyword != b"XML:com.adobe.xmp" {
        return None;
    }
    let text = match &name {
        b"tEXt" => Cow::Borrowed(rest),
        // One byte names the compression; zlib is the only one.
        b"zTXt" => unpack(rest.get(1..)?, left)?,
        _ => {
            let (&is_packed, rest) = rest.split_first()?;
            let (_language, rest) = split_at_zero(rest.get(1..)?)?;
            let (_translated, text) = split_at_zero(rest)?;
            if is_packed == 0 {
                Cow::Borrowed(text)
            } else {
                unpack(text, left)?
            }
        }
    };
    Some((keyword, text))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Unpacks at most `left` bytes, and takes them off.
fn unpack(packed: &[u8], left: &mut u64) -> Option<Cow<'static, [u8]>> {
    let mut text = Vec::new();
    let unpacked = ZlibDecoder::new(packed).take(*left).read_to_end(&mut text);
    *left -= text.len() as u64;
    unpacked.ok()?;
    Some(Cow::Owned(text))
}

/// The data of a raw profile: a line with its name, one with its length, then hexadecimal digits in lines.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.splitn(4, |&byte| byte == b'\n');
    let digits = lines.nth(3)?;
    let mut nibbles = Vec::new();
    for &digit in digits.iter().filter(|digit| !digit.is_ascii_whitespace()) {
        nibbles.push(char::from(digit).to_digit(16)? as u8);
    }
    Some(
        nibbles
            .as_chunks()
            .0
            .iter()
            .map(|[high, low]| high << 4 | low)
            .collect(),
    )
}
