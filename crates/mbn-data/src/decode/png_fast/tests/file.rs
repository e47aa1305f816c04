//! PNG files made byte by byte, and their pixels by a plain loop.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A file in parts.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub width: u32,
    pub height: u32,
    pub depth: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
    pub colour: u8,
    pub interlace: u8,
    /// The filtered rows, each after the number of its filter.
    pub rows: Vec<u8>,
    /// Sizes of the `IDAT` chunks before the last.
    pub sizes: Vec<usize>,
    /// Chunks before and after the pixels.
    pub before: Vec<(&'static [u8; 4], Vec<u8>)>,
    pub after: Vec<(&'static [u8; 4], Vec<u8>)>,
}

impl File {
    /// A file whose row of number `row` has the filter `filters[row]`, in turn, with bytes of `noise`, in turn.
    pub fn new([width, height]: [u32; 2], colour: u8, filters: &[u8], noise: &[u8]) -> Self {
        let mut file = Self {
            width,
            height,
            depth: 8,
            colour,
            interlace: 0,
            rows: Vec::new(),
            sizes: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
        };
        let mut noise = noise.iter().cycle();
        for filter in filters.iter().cycle().take(height as usize) {
            file.rows.push(*filter);
            file.rows.extend(noise.by_ref().take(file.row_bytes()));
        }
        file
    }

    fn channels(&self) -> usize {
        [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)]
    }

    fn row_bytes(&self) -> usize {
        self.width as usize * self.channels()
    }

    /// The file, with the rows as its stream.
    pub fn bytes(&self) -> Vec<u8> {
        self.with_stream(&zlib(&self.rows))
    }

    /// The file with another stream.
    pub fn with_stream(&self, mut stream: &[u8]) -> Vec<u8> {
        let size = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        let header = [&size[..], &[self.depth, self.colour, 0, 0, self.interlace]].concat();
        let mut bytes = [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..]].concat();
        let mut add = |name: &[u8; 4], content: &[u8]| bytes.extend(chunk(name, content));
        self.before.iter().for_each(|(name, content)| add(name, content));
        for size in &self.sizes {
            let (part, rest) = stream.split_at((*size).min(stream.len()));
            add(b"IDAT", part);
            stream = rest;
        }
        add(b"IDAT", stream);
        self.after.iter().for_each(|(name, content)| add(name, content));
        add(b"IEND", &[]);
        bytes
    }

    /// The pixels, by the formulas of the specification.
    pub fn unfiltered(&self) -> Vec<u8> {
        let (row_bytes, channels) = (self.row_bytes(), self.channels());
        let mut pixels: Vec<u8> = Vec::new();
        for (y, row) in self.rows.chunks_exact(row_bytes + 1).enumerate() {
            for (x, &filtered) in row[1..].iter().enumerate() {
                let before = |back: usize| pixels[pixels.len() - back];
                let left = if x >= channels {
                    i32::from(before(channels))
                } else {
                    0
                };
                let above = if y > 0 { i32::from(before(row_bytes)) } else { 0 };
                let corner = match x >= channels && y > 0 {
                    true => i32::from(before(row_bytes + channels)),
                    false => 0,
                };
                let guess = left + above - corner;
                let predicted = match row[0] {
                    0 => 0,
                    1 => left,
                    2 => above,
                    3 => (left + above) / 2,
                    // The first of those with the least distance.
                    _ => *[left, above, corner]
                        .iter()
                        .min_by_key(|value| (guess - **value).abs())
                        .unwrap(),
                };
                pixels.push(filtered.wrapping_add(predicted as u8));
            }
        }
        pixels
    }
}

/// A compressed stream.
pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A chunk with its length and checksum.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let covered = [name, content].concat();
    let length = (content.len() as u32).to_be_bytes();
    [&length[..], &covered, &crc32fast::hash(&covered).to_be_bytes()].concat()
}
