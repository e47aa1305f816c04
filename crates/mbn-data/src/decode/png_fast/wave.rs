//! Undoes a filter in several rows at once. A pixel needs its neighbours to the left and above, so each row is one pixel behind
//! the row above it: what a step computes for one row, the next step needs for the row below. A step is written lane by lane;
//! the compiler makes vector instructions of it.

use std::array;

/// Four pixels, one of each row, of up to four bytes. Bytes beyond a pixel hold anything, as no lane depends on another.
pub(super) type Lanes = [u8; 16];

/// A filter that can be undone.
pub(super) trait Filter {
    /// The pixels of filtered ones, from those to the left, above, and at the corner between these.
    fn undo(filtered: Lanes, left: Lanes, above: Lanes, corner: Lanes) -> Lanes;
}

/// Undoes a filter in `R` rows, at most 4, of `N` bytes a pixel. All have the length of `above`, the row before them.
pub(super) fn undo<F: Filter, const N: usize, const R: usize>(
    above: &[u8],
    filtered: [&[u8]; R],
    mut pixels: [&mut [u8]; R],
) {
    let above = above.as_chunks::<N>().0;
    let filtered = filtered.map(|row| row.as_chunks::<N>().0);
    let mut pixels = pixels.each_mut().map(|row| row.as_chunks_mut::<N>().0);
    let mut wave = Wave {
        left: [0; 16],
        corner: [0; 16],
    };
    // Until every row has begun, by pixels of the first row.
    let begun = R - 1;
    for at in 0..begun {
        wave.edge::<F, N, R>(above, &filtered, &mut pixels, at);
    }
    let middle = wave.middle::<F, N, R>(above, &filtered, &mut pixels, begun);
    // Until every row has ended.
    for at in begun + middle..above.len() + R - 1 {
        wave.edge::<F, N, R>(above, &filtered, &mut pixels, at);
    }
}

/// What the next step needs of those before.
struct Wave {
    /// The pixels to the left.
    left: Lanes,
    /// The pixels above those.
    corner: Lanes,
}

impl Wave {
    /// One pixel of every row that has one here: the first row is at pixel `at`.
    #[inline(always)]
    fn edge<F: Filter, const N: usize, const R: usize>(
        &mut self,
        above: &[[u8; N]],
        filtered: &[&[[u8; N]]; R],
        pixels: &mut [&mut [[u8; N]]; R],
        at: usize,
    ) {
        let word = |pixel: Option<&[u8; N]>| {
            let mut word = [0; 4];
            word[..N].copy_from_slice(pixel.unwrap_or(&[0; N]));
            u32::from_le_bytes(word)
        };
        let here: [_; R] =
            array::from_fn(|row| word(at.checked_sub(row).and_then(|at| filtered[row].get(at))));
        let undone = self.step::<F, R>(word(above.get(at)), here);
        for row in 0..R {
            if let Some(pixel) = at.checked_sub(row).and_then(|at| pixels[row].get_mut(at)) {
                pixel.copy_from_slice(&undone[row].to_le_bytes()[..N]);
            }
        }
    }

    /// Blocks of four pixels while all rows have them: the first row is at pixel `at`. Returns the pixels of a row.
    #[inline(always)]
    fn middle<F: Filter, const N: usize, const R: usize>(
        &mut self,
        above: &[[u8; N]],
        filtered: &[&[[u8; N]]; R],
        pixels: &mut [&mut [[u8; N]]; R],
        at: usize,
    ) -> usize {
        let above = above.get(at..).unwrap_or_default().as_chunks().0;
        let filtered: [&[[[u8; N]; 4]]; R] =
            array::from_fn(|row| filtered[row].get(at - row..).unwrap_or_default().as_chunks().0);
        let mut behind = at + 1;
        let mut pixels: [&mut [[[u8; N]; 4]]; R] = pixels.each_mut().map(|row| {
            behind -= 1;
            row.get_mut(behind..).unwrap_or_default().as_chunks_mut().0
        });
        for (block, above) in above.iter().enumerate() {
            // Not a loop: the compiler would keep it, and ask at each pixel which one it is.
            self.pixel::<F, N, R, 0>(above, &filtered, &mut pixels, block);
            self.pixel::<F, N, R, 1>(above, &filtered, &mut pixels, block);
            self.pixel::<F, N, R, 2>(above, &filtered, &mut pixels, block);
            self.pixel::<F, N, R, 3>(above, &filtered, &mut pixels, block);
        }
        4 * above.len()
    }

    /// Pixel `I` of a block of each row.
    #[inline(always)]
    fn pixel<F: Filter, const N: usize, const R: usize, const I: usize>(
        &mut self,
        above: &[[u8; N]; 4],
        filtered: &[&[[[u8; N]; 4]]; R],
        pixels: &mut [&mut [[[u8; N]; 4]]; R],
        block: usize,
    ) {
        // Four bytes at once where the block has them, including some of the next pixel.
        let first = (N * I).min(4 * N - 4);
        let word = |block: &[[u8; N]; 4]| {
            let mut word = [0; 4];
            word.copy_from_slice(&block.as_flattened()[first..first + 4]);
            u32::from_le_bytes(word) >> (8 * (N * I - first))
        };
        let mut here = [0; R];
        for (here, row) in here.iter_mut().zip(filtered) {
            *here = word(&row[block]);
        }
        let undone = self.step::<F, R>(word(above), here);
        for (row, undone) in pixels.iter_mut().zip(undone) {
            // The next pixel overwrites what is too much.
            let length = if N * I == first { 4 } else { N };
            let bytes = &undone.to_le_bytes()[..length];
            row[block].as_flattened_mut()[N * I..N * I + length].copy_from_slice(bytes);
        }
    }

    /// One pixel of every row, as a word. `above` is above that of the first row.
    #[inline(always)]
    fn step<F: Filter, const R: usize>(&mut self, above: u32, filtered: [u32; R]) -> [u32; R] {
        let mut over = [0; 16];
        over[..4].copy_from_slice(&above.to_le_bytes());
        // A single row need not wait for the others.
        if R > 1 {
            over[4..].copy_from_slice(&self.left[..12]);
        }
        let mut here = [0; 16];
        for (lane, filtered) in here.as_chunks_mut().0.iter_mut().zip(filtered) {
            *lane = filtered.to_le_bytes();
        }
        self.left = F::undo(here, self.left, over, self.corner);
        self.corner = over;
        let mut undone = [0; R];
        for (undone, lane) in undone.iter_mut().zip(self.left.as_chunks().0) {
            *undone = u32::from_le_bytes(*lane);
        }
        undone
    }
}
