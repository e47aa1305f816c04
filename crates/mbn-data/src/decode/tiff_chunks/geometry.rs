//! Where the strips or tiles of a TIFF file are, and what their bytes mean.

use super::{malformed, unpack};
use crate::decode::error::DecodeErrorKind;
use crate::decode::tiff_fields::{
    BITS_PER_SAMPLE, COMPRESSION, Directory, EXTRA_SAMPLES, IMAGE_LENGTH, IMAGE_WIDTH, JPEG, JPEG_TABLES,
    PHOTOMETRIC, PLANAR_CONFIGURATION, PREDICTOR, ROWS_PER_STRIP, SAMPLES_PER_PIXEL, STRIP_BYTE_COUNTS,
    STRIP_OFFSETS, TILE_BYTE_COUNTS, TILE_LENGTH, TILE_OFFSETS, TILE_WIDTH, Values,
};

/// The layout of a file with 1, 8 or 16 bits a channel.
pub(super) struct Geometry<'a> {
    pub file: &'a [u8],
    offsets: Values<'a>,
    counts: Values<'a>,
    /// What all JPEG data have in common.
    pub jpeg_tables: Option<&'a [u8]>,
    pub width: usize,
    pub height: usize,
    /// Size of a strip or tile.
    pub chunk: (usize, usize),
    pub is_tiled: bool,
    /// Channels of a pixel in the file.
    samples: usize,
    /// Channels of a pixel that lie together: all, or one if each has a plane.
    pub interleaved: usize,
    /// Channels that count, the first ones.
    pub kept: usize,
    /// Bytes of a row of a strip or tile.
    pub row_bytes: usize,
    /// Whether 0 is white.
    pub is_inverted: bool,
    pub is_cmyk: bool,
    bits: usize,
    compression: u64,
    has_predictor: bool,
    is_little_endian: bool,
}

/// The part of a strip or tile that lies in the picture.
pub(super) struct Chunk {
    pub index: usize,
    pub plane: usize,
    pub left: usize,
    pub top: usize,
    pub columns: usize,
    pub rows: usize,
}

impl<'a> Geometry<'a> {
    /// `None` for other colours or depths, and where tags are missing or make no sense.
    pub fn of(file: &'a [u8]) -> Option<Self> {
        const ASSOCIATED_ALPHA: u64 = 1;
        let directory = Directory::new(file)?;
        let value = |tag| usize::try_from(directory.integer(tag)?).ok();
        let sides = |across, down| Some((value(across)?, value(down)?));
        let (width, height) = sides(IMAGE_WIDTH, IMAGE_LENGTH)?;
        let tiles = directory.find(TILE_OFFSETS);
        let is_tiled = tiles.is_some();
        let (chunk, offsets, counts) = match tiles {
            Some(offsets) => {
                let counts = directory.find(TILE_BYTE_COUNTS)?;
                (sides(TILE_WIDTH, TILE_LENGTH)?, offsets, counts)
            }
            None => {
                let rows = value(ROWS_PER_STRIP).unwrap_or(height).min(height);
                let counts = directory.find(STRIP_BYTE_COUNTS)?;
                ((width, rows), directory.find(STRIP_OFFSETS)?, counts)
            }
        };
        let samples = value(SAMPLES_PER_PIXEL).unwrap_or(1);
        let photometric = directory.integer(PHOTOMETRIC)?;
        let has_alpha = samples > 3 && directory.integer(EXTRA_SAMPLES) == Some(ASSOCIATED_ALPHA);
        let kept = match photometric {
            0 | 1 => 1,
            2 if has_alpha => 4,
            2 => 3,
            5 => 4,
            _ => return None,
        };
        let bits = value(BITS_PER_SAMPLE).unwrap_or(1);
        let is_planar = value(PLANAR_CONFIGURATION) == Some(2);
        let interleaved = if is_planar { 1 } else { samples };
        let row_bits = chunk.0.checked_mul(bits)?.checked_mul(interleaved)?;
        let geometry = Self {
            file,
            offsets,
            counts,
            jpeg_tables: directory.find(JPEG_TABLES).map(|tables| tables.bytes),
            width,
            height,
            chunk,
            is_tiled,
            samples,
            interleaved,
            kept,
            row_bytes: row_bits.div_ceil(8),
            is_inverted: photometric == 0,
            is_cmyk: photometric == 5,
            bits,
            compression: directory.integer(COMPRESSION).unwrap_or(1),
            has_predictor: value(PREDICTOR) == Some(2),
            is_little_endian: file.starts_with(b"II"),
        };
        let known = [1, 8, 16].contains(&bits) && samples >= kept && row_bits > 0 && chunk.1 > 0;
        (known && width.checked_mul(height)?.checked_mul(kept)? > 0).then_some(geometry)
    }

    /// Whether the tiff crate does not read the file as it should.
    pub fn is_read_here(&self) -> bool {
        let is_rare = self.is_tiled || self.samples > self.kept || self.is_cmyk;
        self.is_jpeg() || is_rare && unpack::is_unpacked(self.compression)
    }

    pub fn is_jpeg(&self) -> bool {
        self.compression == JPEG && self.bits == 8
    }

    /// Bytes of the rows of the highest strip or tile that lie in the picture. JPEG data have a buffer of their own.
    pub fn buffer_bytes(&self) -> usize {
        match self.is_jpeg() {
            true => 0,
            false => self.row_bytes.saturating_mul(self.chunk.1.min(self.height)),
        }
    }

    /// Strips or tiles of the channels that count.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let across = self.width.div_ceil(self.chunk.0);
        let down = self.height.div_ceil(self.chunk.1);
        let planes = if self.interleaved == self.samples {
            1
        } else {
            self.kept
        };
        (0..planes * across * down).map(move |index| {
            let (row, column) = (index / across % down, index % across);
            let (left, top) = (column * self.chunk.0, row * self.chunk.1);
            Chunk {
                index,
                plane: index / (across * down),
                left,
                top,
                columns: self.chunk.0.min(self.width - left),
                rows: self.chunk.1.min(self.height - top),
            }
        })
    }

    /// Unpacks the rows of a strip or tile that lie in the picture.
    pub fn unpack(&self, chunk: &Chunk, rows: &mut [u8]) -> Result<(), DecodeErrorKind> {
        let (data, count) = self.data(chunk)?;
        match unpack::unpack(self.compression, data, count, rows) {
            true => Ok(()),
            false => Err(malformed("a strip or tile is damaged or has too few pixels")),
        }
    }

    /// The bytes of a strip or tile with all that follow in the file, and how many belong to it.
    pub fn data(&self, chunk: &Chunk) -> Result<(&'a [u8], u64), DecodeErrorKind> {
        let place = self
            .offsets
            .integer(chunk.index)
            .zip(self.counts.integer(chunk.index));
        let (offset, count) = place.ok_or_else(|| malformed("it has too few strips or tiles"))?;
        if offset == 0 || count == 0 {
            return Err(malformed("a strip or tile has no data"));
        }
        let data = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.file.get(offset..));
        let data = data.ok_or_else(|| malformed("a strip or tile lies beyond its end"))?;
        Ok((data, count))
    }

    /// The levels of `columns` pixels, 0 to 255, from a row of a strip or tile.
    pub fn levels(&self, packed: &[u8], columns: usize, levels: &mut Vec<u8>) {
        levels.clear();
        let count = columns * self.interleaved;
        match self.bits {
            1 => levels.extend((0..count).map(|at| (packed[at / 8] >> (7 - at % 8) & 1) * 255)),
            8 => {
                levels.extend_from_slice(&packed[..count]);
                if self.has_predictor {
                    for at in self.interleaved..count {
                        levels[at] = levels[at].wrapping_add(levels[at - self.interleaved]);
                    }
                }
            }
            _ => {
                let number = match self.is_little_endian {
                    true => u16::from_le_bytes,
                    false => u16::from_be_bytes,
                };
                let mut before = vec![0u16; if self.has_predictor { self.interleaved } else { 0 }];
                for (at, &bytes) in packed.as_chunks().0[..count].iter().enumerate() {
                    let mut level = number(bytes);
                    if self.has_predictor {
                        let before = &mut before[at % self.interleaved];
                        level = level.wrapping_add(*before);
                        *before = level;
                    }
                    levels.push(level.to_be_bytes()[0]);
                }
            }
        }
    }
}
