//! Finds truncated files by walking the structure of a file to its end. Decoders do not: they stop at the last pixel
//! they need or make up missing ones.

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;
use super::tiff;

/// Refuses a file that ends before its format says it does. Bytes after the end are allowed.
pub(super) fn check(format: PictureFormat, bytes: &[u8]) -> Result<(), DecodeErrorKind> {
    let walk = match format {
        PictureFormat::Png => png,
        PictureFormat::Jpeg => jpeg,
        PictureFormat::WebP => webp,
        PictureFormat::Bmp => bmp,
        PictureFormat::Gif => gif,
        PictureFormat::Tiff => tiff::check_end,
    };
    walk(bytes).map_err(|missing| DecodeErrorKind::Truncated {
        format,
        missing: missing.to_owned(),
    })
}

/// The error says what is missing at the end.
pub(super) type Walk = Result<(), &'static str>;

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
    const MISSING: &str = "it has no `IEND` chunk at its end";
    let mut at = 8;
    loop {
        let header: [u8; 8] = bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .copied()
            .ok_or(MISSING)?;
        let [a, b, c, d, name @ ..] = header;
        at = at
            .saturating_add(u32::from_be_bytes([a, b, c, d]) as usize)
            .saturating_add(12);
        if at > bytes.len() {
            return Err("it ends within a chunk");
        }
        if &name == b"IEND" {
            return Ok(());
        }
    }
}

/// Marker segments and entropy-coded data, up to the marker `EOI`.
fn jpeg(bytes: &[u8]) -> Walk {
    const MISSING: &str = "it has no end-of-image marker";
    let mut at = 2;
    loop {
        // Go to the next marker. In entropy-coded data, `FF 00` is a data byte and D0 to D7 are restart markers; these,
        // TEM (01) and SOI (D8) have no length.
        let rest = bytes.get(at..).ok_or("it ends within a segment")?;
        at += rest.iter().position(|&byte| byte == 0xff).ok_or(MISSING)?;
        match bytes.get(at + 1).ok_or(MISSING)? {
            0xd9 => return Ok(()),
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let length = bytes.get(at + 2..at + 4).ok_or(MISSING)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

/// A RIFF file starts with its length.
fn webp(bytes: &[u8]) -> Walk {
    let length = u32_le(bytes, 4).ok_or("it ends within the RIFF header")?;
    if length.saturating_add(8) > bytes.len() {
        return Err("it is shorter than its RIFF header says");
    }
    Ok(())
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
    let pixels = if COMPRESSION_RLE.contains(&compression) {
        compressed
    } else {
        let row = width.saturating_mul(bits).div_ceil(32).saturating_mul(4);
        row.saturating_mul(height)
    };
    if offset.saturating_add(pixels) > bytes.len() {
        return Err("it ends within the pixels");
    }
    Ok(())
}

/// Blocks of chained sub-blocks, up to the trailer.
fn gif(bytes: &[u8]) -> Walk {
    const MISSING: &str = "it has no trailer at its end";
    // Flags tell whether a colour table of 2 to 256 colours follows.
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let byte = |at: usize| bytes.get(at).copied().ok_or(MISSING);
    let mut at = 13 + table(byte(10)?);
    loop {
        match byte(at)? {
            0x3b => return Ok(()),
            // An extension: its label, then sub-blocks.
            0x21 => at += 2,
            // An image: position and size, flags, colour table and code size, then sub-blocks.
            0x2c => at += 11 + table(byte(at + 9)?),
            // Not a block; let the decoder report what is wrong.
            _ => return Ok(()),
        }
        loop {
            let length = usize::from(byte(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
    }
}
