//! Tiles of a matrix product in registers. One loop serves float32 and pairs of bfloat16: both read words of 32 bits,
//! and add to sums in float32.

use super::machine::Machine;
use super::prefetch::{Ahead, Cache, prefetch};
use super::simd::activate;

/// What happens to a finished sum.
#[derive(Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// It replaces what was there.
    Store,
    /// It is added to what was there.
    Add,
    /// `min(max(0, sum + bias), max)` replaces what was there.
    Activate { bias: &'a [f32], max: f32 },
}

/// A product of `rows` and `cols` with sums over `depth` words; the pointers are to the first elements.
pub(crate) struct Job<'a, W> {
    pub rows: usize,
    pub cols: usize,
    pub depth: usize,
    pub left: *const W,
    pub left_row: usize,
    pub left_depth: usize,
    pub right: *const W,
    pub right_panel: usize,
    pub right_depth: usize,
    pub out: *mut f32,
    pub finish: Finish<'a>,
    pub ahead: Ahead,
}

/// Columns that lie side by side in the right factor; every tile's width divides it.
pub(crate) const PANEL: usize = 32;

/// Rows of the largest tile. Of 32 registers, its sums take 28 and the factors three. Even, since a word may hold two
/// rows.
pub(crate) const TILE_ROWS: usize = 14;

/// Values of the largest tile.
const TILE: usize = TILE_ROWS * PANEL;

#[repr(align(64))]
struct Aligned([f32; TILE]);

impl<W: Copy> Job<'_, W> {
    /// Runs in tiles of at most `R` rows and `V` registers of columns.
    ///
    /// # Safety
    /// All of these have to be valid: in the left factor, the words `row * left_row + p * left_depth`; in the right one,
    /// `PANEL` words from each `panel * right_panel + p * right_depth` on, in the last panel too; `rows * cols` elements
    /// of `out`; `cols` elements of the bias, if there is one.
    #[inline(always)]
    pub(super) unsafe fn run<M: Machine<Word = W>, const R: usize, const V: usize>(&self, machine: M) {
        let mut ahead = self.ahead;
        let mut col = 0;
        while col < self.cols {
            // SAFETY: the caller upholds the contract; `col` stays inside the product.
            unsafe {
                if self.cols - col > M::LANES {
                    self.columns::<M, R, V>(machine, col, &mut ahead);
                    col += V * M::LANES;
                } else {
                    self.columns::<M, R, 1>(machine, col, &mut ahead);
                    col += M::LANES;
                }
            }
        }
    }

    /// The columns of one tile.
    ///
    /// # Safety
    /// See [`Self::run`]; the column `col` exists.
    #[inline(always)]
    unsafe fn columns<M: Machine<Word = W>, const R: usize, const V: usize>(
        &self,
        machine: M,
        col: usize,
        ahead: &mut Ahead,
    ) {
        let mut row = 0;
        // SAFETY: the caller upholds the contract; `row` stays inside the product.
        unsafe {
            while row < self.rows {
                row += match self.rows - row {
                    // The rest goes by tiles of four: with two rows, a tile waits for its own sums. So a tile and two rows are
                    // fours as well.
                    left if left >= R && left != R + 2 => {
                        self.tile::<M, R, V>(machine, row, col, ahead);
                        R
                    }
                    4.. => {
                        self.tile::<M, 4, V>(machine, row, col, ahead);
                        4
                    }
                    2.. => {
                        self.tile::<M, 2, V>(machine, row, col, ahead);
                        2
                    }
                    _ => {
                        self.tile::<M, 1, V>(machine, row, col, ahead);
                        1
                    }
                };
            }
        }
    }

    /// # Safety
    /// See [`Self::run`]; the rows `row..row + R` exist.
    #[inline(always)]
    unsafe fn tile<M: Machine<Word = W>, const R: usize, const V: usize>(
        &self,
        machine: M,
        row: usize,
        col: usize,
        ahead: &mut Ahead,
    ) {
        let width = V * M::LANES;
        // SAFETY: the caller guarantees every address below to be valid, by the contract of `run`.
        unsafe {
            let left = self.left.add(row * self.left_row);
            let right = self.right.add(col / PANEL * self.right_panel + col % PANEL);
            if matches!(self.finish, Finish::Add) {
                for i in 0..R {
                    let start = self.out.wrapping_add((row + i) * self.cols + col);
                    prefetch(Cache::First, start);
                    // Past the end of the product where a tile is wider than what is left.
                    prefetch(Cache::First, start.wrapping_add((V - 1) * M::LANES));
                }
            }
            let load_ahead = ahead.loader();
            let mut sums = [[machine.zero(); V]; R];
            for p in 0..self.depth {
                load_ahead(p);
                let (left, right) = (left.add(p * self.left_depth), right.add(p * self.right_depth));
                let mut columns = [machine.load(right); V];
                for (v, columns) in columns.iter_mut().enumerate().skip(1) {
                    *columns = machine.load(right.add(v * M::LANES));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let value = machine.splat(*left.add(i * self.left_row));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = machine.mul_add(value, column, *sum);
                    }
                }
            }
            ahead.advance(self.depth);
            let cols = (self.cols - col).min(width);
            let out = self.out.add(row * self.cols + col);
            if cols < width {
                let mut values = Aligned([0.0; TILE]);
                for (i, sums) in sums.iter().enumerate() {
                    for (v, sum) in sums.iter().enumerate() {
                        machine.store(*sum, values.0.as_mut_ptr().add((i * V + v) * M::LANES));
                    }
                }
                for (i, values) in values.0.chunks_exact(width).take(R).enumerate() {
                    let out = std::slice::from_raw_parts_mut(out.add(i * self.cols), cols);
                    self.write_part(values, out, col);
                }
                return;
            }
            // Short loops, which unroll: an index that is not constant would keep the sums in memory throughout.
            match self.finish {
                Finish::Store => {
                    for (i, sums) in sums.iter().enumerate() {
                        for (v, sum) in sums.iter().enumerate() {
                            machine.store(*sum, out.add(i * self.cols + v * M::LANES));
                        }
                    }
                }
                Finish::Add => {
                    for (i, sums) in sums.iter().enumerate() {
                        for (v, sum) in sums.iter().enumerate() {
                            let to = out.add(i * self.cols + v * M::LANES);
                            machine.store(machine.add(machine.load_sums(to), *sum), to);
                        }
                    }
                }
                Finish::Activate { bias, max } => {
                    let bias = bias.as_ptr().add(col);
                    for (i, sums) in sums.iter().enumerate() {
                        for (v, sum) in sums.iter().enumerate() {
                            let value = machine.add(*sum, machine.load_sums(bias.add(v * M::LANES)));
                            machine.store(machine.clamp(value, max), out.add(i * self.cols + v * M::LANES));
                        }
                    }
                }
            }
        }
    }

    /// Writes the first columns of a tile.
    fn write_part(&self, values: &[f32], out: &mut [f32], col: usize) {
        for (j, (out, value)) in out.iter_mut().zip(values).enumerate() {
            *out = match self.finish {
                Finish::Store => *value,
                Finish::Add => *out + value,
                Finish::Activate { bias, max } => activate(value + bias[col + j], max),
            };
        }
    }
}
