//! Writes TIFF files of any layout of strips and tiles, whose pixels it knows.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::jpeg_data;
use crate::decode::tests::tiff_files::{Entry, Form, tiff_in};

const SHORT: u16 = 3;
const LONG: u16 = 4;
pub(in crate::decode::tests) const NONE: u64 = 1;
pub(in crate::decode::tests) const LZW: u64 = 5;
pub(in crate::decode::tests) const JPEG: u64 = 7;
pub(in crate::decode::tests) const DEFLATE: u64 = 8;
pub(in crate::decode::tests) const PACK_BITS: u64 = 32773;

/// What a file holds, and how.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::tests) struct Layout {
    pub form: Form,
    pub size: (usize, usize),
    pub chunk: (usize, usize),
    pub is_tiled: bool,
    pub photometric: u64,
    /// Meanings of the channels that follow the colours.
    pub extra: &'static [u64],
    pub bits: usize,
    pub compression: u64,
    pub has_predictor: bool,
    pub is_planar: bool,
}

impl Layout {
    fn colours(&self) -> usize {
        [1, 1, 3, 0, 0, 4][self.photometric as usize]
    }

    pub fn samples(&self) -> usize {
        self.colours() + self.extra.len()
    }

    /// A value that differs between neighbours, channels and chunks; where `x` or `y` are beyond the picture, too.
    fn value(&self, x: usize, y: usize, channel: usize) -> u16 {
        let mixed = (x * 2_654_435 + y * 40_503 + channel * 30_011 + x * y * 7) as u16;
        mixed.rotate_left(3) >> (16 - self.bits)
    }

    /// Bytes of a chunk, filled up beyond the picture as most programs do.
    fn chunk_data(&self, left: usize, top: usize, channels: &[usize]) -> Vec<u8> {
        let rows = match self.is_tiled {
            true => self.chunk.1,
            false => self.chunk.1.min(self.size.1 - top),
        };
        let mut bytes = Vec::new();
        for y in top..top + rows {
            let mut row: Vec<u16> = (left..left + self.chunk.0)
                .flat_map(|x| channels.iter().map(move |&channel| self.value(x, y, channel)))
                .collect();
            if self.has_predictor {
                for at in (channels.len()..row.len()).rev() {
                    row[at] = row[at].wrapping_sub(row[at - channels.len()]);
                }
            }
            match self.bits {
                1 => bytes.extend(row.chunks(8).map(|bits| {
                    let shifts = (0..8).rev();
                    bits.iter()
                        .zip(shifts)
                        .fold(0, |byte, (bit, shift)| byte | (*bit as u8) << shift)
                })),
                8 => bytes.extend(row.iter().map(|&value| value as u8)),
                _ => bytes.extend(row.iter().flat_map(|&value| self.form.number::<2>(value.into()))),
            }
        }
        if self.compression == JPEG {
            let file = jpeg_data::file_of((self.chunk.0, rows), channels.len(), &bytes);
            return jpeg_data::without_tables(&file);
        }
        compressed(self.compression, &bytes)
    }

    pub fn chunks(&self) -> Vec<Vec<u8>> {
        let all: Vec<usize> = (0..self.samples()).collect();
        let planes: Vec<&[usize]> = match self.is_planar {
            true => all.chunks(1).collect(),
            false => vec![&all],
        };
        let mut chunks = Vec::new();
        for channels in planes {
            for top in (0..self.size.1).step_by(self.chunk.1) {
                for left in (0..self.size.0).step_by(self.chunk.0) {
                    chunks.push(self.chunk_data(left, top, channels));
                }
            }
        }
        chunks
    }

    pub fn file(&self) -> Vec<u8> {
        self.file_of(&self.chunks())
    }

    pub fn file_of(&self, chunks: &[Vec<u8>]) -> Vec<u8> {
        let shorts = |tag, values: &[u64]| {
            let content = values
                .iter()
                .flat_map(|&value| self.form.number::<2>(value))
                .collect();
            Entry(tag, SHORT, values.len() as u32, content)
        };
        let longs = |tag, values: &[u64]| {
            let content = values
                .iter()
                .flat_map(|&value| self.form.number::<4>(value))
                .collect();
            Entry(tag, LONG, values.len() as u32, content)
        };
        let counts: Vec<u64> = chunks.iter().map(|chunk| chunk.len() as u64).collect();
        let structure = |start: u64| {
            let offsets: Vec<u64> = counts
                .iter()
                .scan(start, |at, count| Some(std::mem::replace(at, *at + count)))
                .collect();
            let mut entries = vec![
                longs(256, &[self.size.0 as u64]),
                longs(257, &[self.size.1 as u64]),
                shorts(258, &vec![self.bits as u64; self.samples()]),
                shorts(259, &[self.compression]),
                shorts(262, &[self.photometric]),
                shorts(277, &[self.samples() as u64]),
                shorts(284, &[if self.is_planar { 2 } else { 1 }]),
                shorts(317, &[if self.has_predictor { 2 } else { 1 }]),
            ];
            if !self.extra.is_empty() {
                entries.push(shorts(338, self.extra));
            }
            if self.compression == JPEG {
                let channels = if self.is_planar { 1 } else { self.samples() };
                let tables = jpeg_data::tables_of(&jpeg_data::file_of((1, 1), channels, &vec![0; channels]));
                entries.push(Entry(347, 7, tables.len() as u32, tables));
            }
            entries.extend(match self.is_tiled {
                true => vec![
                    longs(322, &[self.chunk.0 as u64]),
                    longs(323, &[self.chunk.1 as u64]),
                    longs(324, &offsets),
                    longs(325, &counts),
                ],
                false => vec![
                    longs(273, &offsets),
                    longs(278, &[self.chunk.1 as u64]),
                    longs(279, &counts),
                ],
            });
            entries.sort_by_key(|entry| entry.0);
            tiff_in(self.form, &entries)
        };
        let start = structure(0).len() as u64;
        [structure(start), chunks.concat()].concat()
    }

    /// The pixel that Pillow shows.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let level = |channel| match (self.value(x, y, channel), self.bits) {
            (value, 1) => 255 * value as u8,
            (value, 8) => value as u8,
            (value, _) => (value >> 8) as u8,
        };
        match self.photometric {
            0 => [255 - level(0); 3],
            1 => [level(0); 3],
            2 if self.extra.first() == Some(&1) && level(3) > 0 => {
                [0, 1, 2].map(|c| (255 * u32::from(level(c)) / u32::from(level(3))).min(255) as u8)
            }
            2 => [0, 1, 2].map(level),
            _ => {
                let white = 255.0 - f64::from(level(3));
                [0, 1, 2].map(|c| (white - (f64::from(level(c)) * white / 255.0).round()) as u8)
            }
        }
    }
}

fn compressed(compression: u64, bytes: &[u8]) -> Vec<u8> {
    match compression {
        LZW => weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
            .encode(bytes)
            .unwrap(),
        DEFLATE => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        // Literals, a run of two, and a byte that means nothing.
        PACK_BITS => bytes
            .chunks(5)
            .flat_map(|chunk| match chunk {
                [a, b, rest @ ..] if a == b && !rest.is_empty() => {
                    [&[255, *a, 128, rest.len() as u8 - 1], rest].concat()
                }
                _ => [&[chunk.len() as u8 - 1], chunk].concat(),
            })
            .collect(),
        _ => bytes.to_vec(),
    }
}
