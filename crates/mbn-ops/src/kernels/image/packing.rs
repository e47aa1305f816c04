//! Pictures of different sizes with their filters in one piece of memory.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{Filter, Picture};

/// Bytes of the kernel's `Picture`: two addresses and six integers.
const ENTRY: usize = 2 * 8 + 6 * 4;
/// Where a picture may begin.
const ALIGNMENT: usize = 16;
/// Bits of a weight after the point: a byte and its sign have to fit in 32 bits beside them.
const SHIFTS: std::ops::RangeInclusive<u32> = 1..=21;

/// Where pictures, their filters and their labels are in one piece of memory: a piece for each picture, the table of the
/// pieces, and the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    size: usize,
    /// Bytes of each piece.
    pieces: Vec<usize>,
    table: usize,
}

impl Packing {
    /// For pictures that become `size` x `size`.
    ///
    /// # Errors
    /// If there are no pictures, or one's lengths do not fit or its filters look beyond it.
    pub fn new(pictures: &[Picture], size: usize) -> Result<Self> {
        if pictures.is_empty() || size == 0 {
            bail!(
                "{} pictures of {size} x {size} pixels, expected at least one of each",
                pictures.len()
            );
        }
        let piece = |(i, picture): (usize, &Picture)| {
            let Picture { height, width, .. } = *picture;
            let expected = height.checked_mul(width).and_then(|area| area.checked_mul(3));
            if expected != Some(picture.pixels.len()) || i32::try_from(width).is_err() {
                let bytes = picture.pixels.len();
                bail!("picture {i}: {bytes} bytes, of {height} x {width} pixels");
            }
            check("rows", i, &picture.rows, height, size)?;
            check("columns", i, &picture.columns, width, size)?;
            Ok(piece_of(picture, size))
        };
        let pieces = pictures
            .iter()
            .enumerate()
            .map(piece)
            .collect::<Result<Vec<_>>>()?;
        let table = pieces.iter().sum();
        Ok(Self { size, pieces, table })
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.pieces.len()
    }

    /// Height and width of the results.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where the table begins.
    pub fn table(&self) -> usize {
        self.table
    }

    /// Where the labels begin, of 32 bits each.
    pub fn labels(&self) -> usize {
        self.table + ENTRY * self.pieces.len()
    }

    /// Bytes in all.
    pub fn bytes(&self) -> usize {
        self.labels() + 4 * self.pieces.len()
    }

    /// Writes everything to `memory`, on several threads and without reading from it.
    ///
    /// # Errors
    /// If this is the packing of other pictures, or lengths differ.
    pub fn write(&self, pictures: &[Picture], labels: &[u32], memory: &mut [u8]) -> Result<()> {
        let pieces = pictures.iter().map(|picture| piece_of(picture, self.size));
        if !pieces.eq(self.pieces.iter().copied()) || labels.len() != pictures.len() {
            bail!(
                "pictures: {} with {} labels, not the {} that memory was laid out for",
                pictures.len(),
                labels.len(),
                self.pieces.len()
            );
        }
        let Some((memory, _)) = memory.split_at_mut_checked(self.bytes()) else {
            bail!(
                "pictures: {} bytes of memory, expected at least {}",
                memory.len(),
                self.bytes()
            );
        };
        let (mut rest, after) = memory.split_at_mut(self.table);
        let (table, label_bytes) = after.split_at_mut(ENTRY * pictures.len());
        let mut parts = Vec::with_capacity(pictures.len());
        let mut start = 0;
        for ((picture, piece), entry) in pictures
            .iter()
            .zip(&self.pieces)
            .zip(table.chunks_exact_mut(ENTRY))
        {
            let (part, left) = rest.split_at_mut(*piece);
            put(entry, entry_of(picture, start));
            parts.push((picture, part));
            start += piece;
            rest = left;
        }
        parts
            .into_par_iter()
            .for_each(|(picture, part)| write_piece(picture, part));
        put(label_bytes, labels.iter().map(|label| label.to_ne_bytes()));
        Ok(())
    }
}

/// An error if the device would read beside the picture.
fn check(axis: &str, i: usize, filter: &Filter, length: usize, size: usize) -> Result<()> {
    let Filter {
        taps,
        shift,
        starts,
        weights,
    } = *filter;
    if taps == 0
        || starts.len() != size
        || weights.len() / taps != size
        || !weights.len().is_multiple_of(taps)
    {
        bail!(
            "picture {i}: a filter of {taps} taps with {} starts and {} weights for {size} {axis}",
            starts.len(),
            weights.len()
        );
    }
    if !SHIFTS.contains(&shift) {
        bail!("picture {i}: weights with {shift} bits after the point, expected 1 to 21");
    }
    if let Some(start) = starts.iter().find(|start| **start as usize + taps > length) {
        bail!("picture {i}: {taps} {axis} from {start} on, of {length}");
    }
    Ok(())
}

/// Where the filters begin in a picture's piece.
fn filters_of(picture: &Picture) -> usize {
    picture.pixels.len().next_multiple_of(4)
}

/// Bytes of a picture's piece.
fn piece_of(picture: &Picture, size: usize) -> usize {
    let taps = picture.rows.taps + picture.columns.taps;
    (filters_of(picture) + 2 * 4 * size + 2 * size * taps).next_multiple_of(ALIGNMENT)
}

/// The words of the kernel's `Picture`, for a piece that begins at `start`.
fn entry_of(picture: &Picture, start: usize) -> impl Iterator<Item = [u8; 4]> {
    let addresses = [start, start + filters_of(picture)].map(|at| (at as u64).to_ne_bytes());
    let Picture { rows, columns, .. } = picture;
    let integers = [
        picture.width as u32,
        rows.taps as u32,
        rows.shift,
        columns.taps as u32,
        columns.shift,
        u32::from(picture.is_mirrored),
    ];
    let halves = addresses.map(|[a, b, c, d, e, f, g, h]| [[a, b, c, d], [e, f, g, h]]);
    halves.into_iter().flatten().chain(integers.map(u32::to_ne_bytes))
}

fn write_piece(picture: &Picture, piece: &mut [u8]) {
    let (pixels, rest) = piece.split_at_mut(filters_of(picture));
    pixels[..picture.pixels.len()].copy_from_slice(picture.pixels);
    let Picture { rows, columns, .. } = picture;
    let (starts, weights) = rest.split_at_mut(4 * (rows.starts.len() + columns.starts.len()));
    let both = rows.starts.iter().chain(columns.starts);
    put(starts, both.map(|start| start.to_ne_bytes()));
    let both = rows.weights.iter().chain(columns.weights);
    put(weights, both.map(|weight| weight.to_ne_bytes()));
}

/// Writes one value after the other.
fn put<const N: usize>(to: &mut [u8], values: impl Iterator<Item = [u8; N]>) {
    for (to, value) in to.as_chunks_mut().0.iter_mut().zip(values) {
        *to = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXELS: [u8; 18] = [7; 18];
    const STARTS: [u32; 4] = [0, 0, 1, 1];
    const WEIGHTS: [i16; 8] = [8192; 8];

    /// Two rows of three pixels to four by four.
    fn picture() -> Picture<'static> {
        let filter = Filter {
            taps: 2,
            shift: 14,
            starts: &STARTS,
            weights: &WEIGHTS,
        };
        Picture {
            pixels: &PIXELS,
            height: 2,
            width: 3,
            rows: Filter {
                starts: &[0; 4],
                ..filter
            },
            columns: filter,
            is_mirrored: false,
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        type Change = fn(&mut Picture<'static>);
        let spoil: [(&str, Change); 8] = [
            ("18 bytes, of 2 x 4", |p| p.width = 4),
            ("18 bytes, of", |p| p.height = usize::MAX),
            ("3 starts and 8 weights for 4 rows", |p| {
                p.rows.starts = &STARTS[1..]
            }),
            ("4 starts and 7 weights for 4 columns", |p| {
                p.columns.weights = &WEIGHTS[1..]
            }),
            ("0 taps", |p| p.columns.taps = 0),
            ("0 bits", |p| p.rows.shift = 0),
            ("22 bits", |p| p.columns.shift = 22),
            ("2 rows from 1 on, of 2", |p| p.rows.starts = &STARTS),
        ];
        for (expected, change) in spoil {
            let mut bad = picture();
            change(&mut bad);
            let error = Packing::new(&[picture(), bad], 4).unwrap_err().to_string();
            assert!(
                error.contains("picture 1: ") && error.contains(expected),
                "{error}"
            );
        }
        assert!(Packing::new(&[], 4).is_err());
        assert!(Packing::new(&[picture()], 5).is_err());
    }

    #[test]
    fn memory_of_another_batch_is_refused() {
        let packing = Packing::new(&[picture(); 2], 4).unwrap();
        let mut memory = vec![0; packing.bytes()];
        packing.write(&[picture(); 2], &[1, 2], &mut memory).unwrap();
        let labels = [1u32, 2].map(u32::to_ne_bytes);
        assert_eq!(memory[packing.labels()..], *labels.as_flattened());
        assert!(packing.write(&[picture()], &[1], &mut memory).is_err());
        assert!(packing.write(&[picture(); 2], &[1], &mut memory).is_err());
        memory.pop();
        assert!(packing.write(&[picture(); 2], &[1, 2], &mut memory).is_err());
    }
}
