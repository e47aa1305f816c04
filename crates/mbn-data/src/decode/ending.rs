//! Finds truncated files by walking the structure of a file to its end. Decoders do not: they stop at the last pixel
//! they need or make up missing ones.

use std::borrow::Cow;

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;
use super::tiff::check_end;
use super::warning::DecodeWarning;

/// A file with its end: as it is, or with the end that it lacks.
pub(super) struct Finished<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// Says what was added. Pixels may still be missing; the decoder finds out.
    pub warning: Option<DecodeWarning>,
}

/// Gives a file that ends too early the end that its format demands. Bytes after the end are allowed. JPEG and PNM
/// files have a walk of their own.
///
/// # Errors
/// The file ends where pixels must be missing.
pub(super) fn finish(format: PictureFormat, bytes: &[u8]) -> Result<Finished<'_>, DecodeErrorKind> {
    let walk = match format {
        PictureFormat::Png => png,
        PictureFormat::WebP => webp,
        PictureFormat::Bmp => bmp,
        PictureFormat::Gif => gif,
        PictureFormat::Jpeg | PictureFormat::Pnm => whole,
        PictureFormat::Tiff => tiff,
        PictureFormat::Heic | PictureFormat::Avif => boxes,
    };
    match walk(bytes) {
        Ok(None) => Ok(Finished {
            bytes: bytes.into(),
            warning: None,
        }),
        Ok(Some((bytes, missing))) => Ok(Finished {
            bytes: bytes.into(),
            warning: Some(DecodeWarning::no_end(format, missing)),
        }),
        Err(missing) => Err(DecodeErrorKind::Truncated {
            format,
            missing: missing.to_owned(),
        }),
    }
}

/// `None` for a file that has its end; else the file with an end, and the name of what it lacked. The error says what is
/// missing.
type Walk = Result<Option<(Vec<u8>, &'static str)>, &'static str>;

fn whole(_: &[u8]) -> Walk {
    Ok(None)
}

/// Boxes of length, name and content, to the end of the file. Pixels are in `mdat` or, rarely, in `idat` within another box. What
/// pixels a whole `mdat` lacks, the decoder finds out.
fn boxes(bytes: &[u8]) -> Walk {
    let mut rest = bytes;
    let (mut has_head, mut has_pixels) = (false, memchr::memmem::find(bytes, b"idat").is_some());
    while let Some((name, length)) = next_box(rest) {
        has_head |= name == b"meta";
        has_pixels |= name == b"mdat";
        rest = &rest[length..];
    }
    match (has_head && has_pixels, rest) {
        (true, _) => Ok(None),
        (false, []) => Err("it ends before its first pixel"),
        (false, _) => Err("it ends within a box"),
    }
}

/// The name and the length of the box at the start, if it is whole.
fn next_box(bytes: &[u8]) -> Option<(&[u8; 4], usize)> {
    let [a, b, c, d, name @ ..] = bytes.first_chunk::<8>()?;
    let length = match u32::from_be_bytes([*a, *b, *c, *d]) {
        // To the end of the file.
        0 => bytes.len(),
        1 => usize::try_from(u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?)).ok()?,
        length => length as usize,
    };
    (8..=bytes.len()).contains(&length).then_some((name, length))
}

fn u16_le(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

fn u32_le(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Chunks of length, name, data and checksum, up to `IEND`.
fn png(bytes: &[u8]) -> Walk {
    const MISSING: &str = "`IEND` chunk";
    let (mut at, mut has_pixels) = (8, false);
    loop {
        let start = at;
        let header: Option<&[u8; 8]> = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let Some(&[a, b, c, d, ref name @ ..]) = header else {
            return match has_pixels {
                true => Ok(Some((with_chunk(&bytes[..at], b"IEND", &[]), MISSING))),
                false => Err("it ends before its first pixel"),
            };
        };
        at = at
            .saturating_add(u32::from_be_bytes([a, b, c, d]) as usize)
            .saturating_add(12);
        has_pixels |= name == b"IDAT";
        if at > bytes.len() {
            // Its data may be whole, and only the checksum be cut off.
            let data_end = bytes.len().min(at - 4);
            let mended = match name {
                b"IDAT" => with_chunk(&bytes[..start], name, &bytes[start + 8..data_end]),
                _ if has_pixels => bytes[..start].to_vec(),
                _ => return Err("it ends within a chunk"),
            };
            return Ok(Some((with_chunk(&mended, b"IEND", &[]), MISSING)));
        }
        if name == b"IEND" {
            return Ok(None);
        }
    }
}

/// A chunk added to a PNG file.
fn with_chunk(file: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(name);
    checksum.update(data);
    let length = (data.len() as u32).to_be_bytes();
    [file, &length, name, data, &checksum.finalize().to_be_bytes()].concat()
}

/// A RIFF file starts with its length.
fn webp(bytes: &[u8]) -> Walk {
    let length = u32_le(bytes, 4).ok_or("it ends within the RIFF header")?;
    if length.saturating_add(8) > bytes.len() {
        return Err("it is shorter than its RIFF header says");
    }
    Ok(None)
}

/// The header gives the offset of the pixels, and their size if they are compressed.
fn bmp(bytes: &[u8]) -> Walk {
    const MISSING: &str = "it ends within the header";
    const COMPRESSION_RLE: [usize; 2] = [1, 2];
    let offset = u32_le(bytes, 10).ok_or(MISSING)?;
    let header = u32_le(bytes, 14).ok_or(MISSING)?;
    let (width, height, bits, compression, compressed) = if header == 12 {
        let field = |at| u16_le(bytes, at).ok_or(MISSING);
        (field(18)?, field(20)?, field(24)?, 0, 0)
    } else {
        let field = |at| u32_le(bytes, at).ok_or(MISSING);
        // A negative height means that the top row comes first.
        let height = (field(22)? as u32).cast_signed().unsigned_abs() as usize;
        let bits = u16_le(bytes, 28).ok_or(MISSING)?;
        (field(18)?, height, bits, field(30)?, field(34)?)
    };
    if COMPRESSION_RLE.contains(&compression) {
        return match offset.saturating_add(compressed) > bytes.len() {
            true => Err("it ends within the pixels"),
            false => Ok(None),
        };
    }
    let row = width.saturating_mul(bits).div_ceil(8);
    let filled_row = row.next_multiple_of(4);
    let end = offset.saturating_add(filled_row.saturating_mul(height));
    if end <= bytes.len() {
        return Ok(None);
    }
    if height == 0 || end - (filled_row - row) > bytes.len() {
        return Err("it ends within the pixels");
    }
    let mut mended = bytes.to_vec();
    mended.resize(end, 0);
    Ok(Some((mended, "filling of the last row")))
}

/// Blocks of chained sub-blocks, up to the trailer. Only the first frame counts.
fn gif(bytes: &[u8]) -> Walk {
    const TRAILER: u8 = 0x3b;
    match first_frame(bytes) {
        FirstFrame::Ends(end) => match ends_properly(bytes, end) {
            true => Ok(None),
            false => Ok(Some(([&bytes[..end], &[TRAILER]].concat(), "trailer"))),
        },
        FirstFrame::IsCut(at) => {
            // The sub-block that is cut off becomes shorter; one without bytes ends the frame.
            let rest = bytes.get(at + 1..).unwrap_or_default();
            let ends: &[u8] = if rest.is_empty() {
                &[TRAILER]
            } else {
                &[0, TRAILER]
            };
            let mended = [&bytes[..at], &[rest.len() as u8], rest, ends].concat();
            Ok(Some((mended, "end of its first frame")))
        }
        FirstFrame::IsMissing => Err("it ends within its first frame"),
    }
}

/// How far a GIF file goes.
enum FirstFrame {
    /// Where the data of the first frame end.
    Ends(usize),
    /// Where the sub-block of its data begins that is cut off or missing.
    IsCut(usize),
    /// It ends before these data.
    IsMissing,
}

/// A block of unknown kind ends the file, so that the decoder reports it.
fn first_frame(bytes: &[u8]) -> FirstFrame {
    let start = || {
        let mut at = 13 + table(*bytes.get(10)?);
        loop {
            match bytes.get(at)? {
                0x21 => at = sub_blocks_end(bytes, at + 2).ok()?,
                0x2c => return Some(Some(frame_data(bytes, at)?)),
                _ => return Some(None),
            }
        }
    };
    match start() {
        Some(Some(data)) => match sub_blocks_end(bytes, data) {
            Ok(end) => FirstFrame::Ends(end),
            Err(at) if at <= bytes.len() => FirstFrame::IsCut(at),
            Err(_) => FirstFrame::IsMissing,
        },
        Some(None) => FirstFrame::Ends(bytes.len()),
        None => FirstFrame::IsMissing,
    }
}

/// Whether the blocks from `at` on lead to the trailer.
fn ends_properly(bytes: &[u8], mut at: usize) -> bool {
    loop {
        let next = match bytes.get(at) {
            Some(0x21) => sub_blocks_end(bytes, at + 2).ok(),
            Some(0x2c) => frame_data(bytes, at).and_then(|at| sub_blocks_end(bytes, at).ok()),
            Some(_) => return true,
            None => return at == bytes.len() && bytes.last() == Some(&0x3b),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
}

/// Where the sub-blocks of a frame begin: after position and size, flags, colour table and code size.
fn frame_data(bytes: &[u8], at: usize) -> Option<usize> {
    Some(at + 11 + table(*bytes.get(at + 9)?))
}

/// Where a chain of sub-blocks ends. The error is where the one begins that is cut off or missing.
fn sub_blocks_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        let Some(&length) = bytes.get(at) else {
            return Err(at);
        };
        let next = at + 1 + usize::from(length);
        if next > bytes.len() {
            return Err(at);
        }
        at = next;
        if length == 0 {
            return Ok(at);
        }
    }
}

/// Bytes of the colour table that flags announce.
fn table(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// Strips or tiles, in any order.
fn tiff(bytes: &[u8]) -> Walk {
    check_end(bytes).map(|()| None)
}
