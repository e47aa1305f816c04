//! Run-length coding in BMP, of 8 or 4 bits a pixel. The image crate takes pixels that the file lacks for black ones.

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;

const RLE8: u32 = 1;
const RLE4: u32 = 2;
// Where the numbers of a file with Windows' header are.
const OFFSET: usize = 10;
const WIDTH: usize = 18;
const HEIGHT: usize = 22;
const BITS: usize = 28;
const COMPRESSION: usize = 30;
const PIXEL_BYTES: usize = 34;
const COLOURS: usize = 46;
// What follows a zero.
const END_OF_ROW: u8 = 0;
const END: u8 = 1;
const MOVE: u8 = 2;

/// Whether the pixels of a file with Windows' header are coded in runs.
pub(super) fn has_runs(bytes: &[u8]) -> bool {
    number(bytes, COMPRESSION).is_some_and(|compression| [RLE8, RLE4].contains(&compression))
}

/// Bytes of the pixels, a byte each, in rows of whole words.
pub(super) fn unpacked_bytes(bytes: &[u8]) -> u64 {
    let sides = number(bytes, WIDTH).zip(number(bytes, HEIGHT));
    sides.map_or(0, |(width, height)| {
        let height = height.cast_signed().unsigned_abs();
        u64::from(width).next_multiple_of(4).saturating_mul(height.into())
    })
}

/// The same file with a byte for each pixel. What the runs skip has the first colour, as in Pillow.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, DecodeErrorKind> {
    let value = |at| number(bytes, at).ok_or_else(|| truncated("it ends within the header"));
    let (offset, compression, colours) = (value(OFFSET)?, value(COMPRESSION)?, value(COLOURS)?);
    let stride = (value(WIDTH)? as usize).next_multiple_of(4);
    let header = bytes.get(..offset as usize);
    let header = header.filter(|header| header.len() >= COLOURS + 4);
    let header = header.ok_or_else(|| truncated("it ends within the header"))?;
    let mut file = Vec::with_capacity(header.len() + unpacked_bytes(bytes) as usize);
    file.extend_from_slice(header);
    file[BITS..BITS + 2].copy_from_slice(&8u16.to_le_bytes());
    file[COMPRESSION..COMPRESSION + 4].fill(0);
    file[PIXEL_BYTES..PIXEL_BYTES + 4].fill(0);
    if compression == RLE4 && colours == 0 {
        file[COLOURS..COLOURS + 4].copy_from_slice(&16u32.to_le_bytes());
    }
    file.resize(header.len() + unpacked_bytes(bytes) as usize, 0);
    let mut canvas = Canvas {
        width: value(WIDTH)? as usize,
        stride,
        rows: &mut file[header.len()..],
        x: 0,
        y: 0,
    };
    canvas.draw(&bytes[offset as usize..], compression == RLE4)?;
    Ok(file)
}

/// The rows, and where the next pixel goes.
struct Canvas<'a> {
    width: usize,
    stride: usize,
    rows: &'a mut [u8],
    x: usize,
    y: usize,
}

impl Canvas<'_> {
    /// Draws runs until every row is there.
    fn draw(&mut self, mut runs: &[u8], is_rle4: bool) -> Result<(), DecodeErrorKind> {
        const ENDS: &str = "it ends within the pixels";
        while !self.is_full() {
            let (&[count, value], rest) = runs.split_first_chunk().ok_or_else(|| truncated(ENDS))?;
            runs = rest;
            match (count, value) {
                (0, END_OF_ROW) => (self.x, self.y) = (0, self.y + 1),
                (0, END) => return Err(truncated("its runs end before the last row does")),
                (0, MOVE) => {
                    let (&[right, up], rest) = runs.split_first_chunk().ok_or_else(|| truncated(ENDS))?;
                    runs = rest;
                    self.x += usize::from(right);
                    self.y += usize::from(up);
                    if self.x > self.width || self.y > self.height() {
                        return Err(malformed("a run is beyond the picture"));
                    }
                }
                (0, count) => {
                    let count = usize::from(count);
                    let length = if is_rle4 { count.div_ceil(2) } else { count };
                    // Filled up to an even length; that of the last run may be missing.
                    let (values, rest) = runs.split_at_checked(length).ok_or_else(|| truncated(ENDS))?;
                    runs = rest.get(length % 2..).unwrap_or_default();
                    if self.x + count > self.width {
                        return Err(malformed("a run is longer than its row"));
                    }
                    self.put(count, |index| match is_rle4 {
                        true => half(values[index / 2], index),
                        false => values[index],
                    });
                }
                // Some programs repeat a pixel beyond the end of the row.
                (count, value) => self.put(
                    usize::from(count).min(self.width - self.x),
                    |index| match is_rle4 {
                        true => half(value, index),
                        false => value,
                    },
                ),
            }
        }
        Ok(())
    }

    fn height(&self) -> usize {
        self.rows.len().checked_div(self.stride).unwrap_or(0)
    }

    /// Whether the last pixel of the last row is there.
    fn is_full(&self) -> bool {
        self.y + usize::from(self.x >= self.width) >= self.height()
    }

    fn put(&mut self, count: usize, level: impl Fn(usize) -> u8) {
        let at = self.y * self.stride + self.x;
        for (index, pixel) in self.rows[at..at + count].iter_mut().enumerate() {
            *pixel = level(index);
        }
        self.x += count;
    }
}

/// The first pixel of a byte is in its upper half.
fn half(byte: u8, index: usize) -> u8 {
    if index.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn truncated(missing: &str) -> DecodeErrorKind {
    DecodeErrorKind::Truncated {
        format: PictureFormat::Bmp,
        missing: missing.to_owned(),
    }
}

fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Bmp,
        reason: reason.to_owned(),
    }
}
