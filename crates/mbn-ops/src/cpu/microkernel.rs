//! Tiles of a matrix product in registers. One loop serves float32 and pairs of bfloat16: both read words of 32 bits,
//! and add to sums in float32.

use pulp::Simd;

use super::simd::activate;

/// Instructions that multiply words of 32 bits and add to float32.
///
/// # Safety
/// The methods may be called only where the processor has the instructions. Pointers have to be valid for `LANES`
/// elements.
pub(super) unsafe trait Machine: Copy {
    /// What is multiplied: a float32, or two bfloat16 that follow each other along the sum.
    type Word: Copy;
    type Words: Copy;
    type Sums: Copy;
    const LANES: usize;

    unsafe fn zero(self) -> Self::Sums;
    unsafe fn splat(self, word: Self::Word) -> Self::Words;
    unsafe fn load(self, words: *const Self::Word) -> Self::Words;
    unsafe fn mul_add(self, a: Self::Words, b: Self::Words, sums: Self::Sums) -> Self::Sums;
    unsafe fn load_sums(self, from: *const f32) -> Self::Sums;
    unsafe fn store(self, sums: Self::Sums, to: *mut f32);
    unsafe fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// `min(max(0, sums), max)`, NaN for NaN.
    unsafe fn clamp(self, sums: Self::Sums, max: f32) -> Self::Sums;
}

/// Float32 on whatever registers `S` has.
#[derive(Clone, Copy)]
pub(super) struct Floats<S>(pub S);

// SAFETY: `S` exists only where the processor has its instructions; loads and stores are plain unaligned ones.
unsafe impl<S: Simd> Machine for Floats<S> {
    type Word = f32;
    type Words = S::f32s;
    type Sums = S::f32s;
    const LANES: usize = S::F32_LANES;

    #[inline(always)]
    unsafe fn zero(self) -> S::f32s {
        self.0.splat_f32s(0.0)
    }

    #[inline(always)]
    unsafe fn splat(self, word: f32) -> S::f32s {
        self.0.splat_f32s(word)
    }

    #[inline(always)]
    unsafe fn load(self, words: *const f32) -> S::f32s {
        // SAFETY: the caller's.
        unsafe { words.cast::<S::f32s>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: S::f32s, b: S::f32s, sums: S::f32s) -> S::f32s {
        self.0.mul_add_e_f32s(a, b, sums)
    }

    #[inline(always)]
    unsafe fn load_sums(self, from: *const f32) -> S::f32s {
        // SAFETY: the caller's.
        unsafe { from.cast::<S::f32s>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, sums: S::f32s, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<S::f32s>().write_unaligned(sums) }
    }

    #[inline(always)]
    unsafe fn add(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.add_f32s(a, b)
    }

    #[inline(always)]
    unsafe fn clamp(self, sums: S::f32s, max: f32) -> S::f32s {
        // Not `max_f32s`, which without vectors takes the number where the other is NaN.
        let (zero, max) = (self.0.splat_f32s(0.0), self.0.splat_f32s(max));
        let positive = self.0.select_f32s(self.0.less_than_f32s(sums, zero), zero, sums);
        self.0
            .select_f32s(self.0.less_than_f32s(max, positive), max, positive)
    }
}

/// Pairs of bfloat16, by AVX-512's dot products.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Pairs;

#[cfg(target_arch = "x86_64")]
mod pairs {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_max_ps, _mm512_min_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Machine, Pairs};

    #[inline(always)]
    fn as_pairs(bits: __m512i) -> __m512bh {
        // SAFETY: both are 512 bits without invalid patterns.
        unsafe { std::mem::transmute(bits) }
    }

    // SAFETY: every method is a few instructions of AVX-512 F and BF16, which the caller guarantees.
    unsafe impl Machine for Pairs {
        type Word = u32;
        type Words = __m512bh;
        type Sums = __m512;
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn zero(self) -> __m512 {
            // SAFETY: the caller's, here and below.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat(self, word: u32) -> __m512bh {
            // SAFETY: see `zero`.
            as_pairs(unsafe { _mm512_set1_epi32(word.cast_signed()) })
        }

        #[inline(always)]
        unsafe fn load(self, words: *const u32) -> __m512bh {
            // SAFETY: see `zero`.
            as_pairs(unsafe { _mm512_loadu_si512(words.cast()) })
        }

        #[inline(always)]
        unsafe fn mul_add(self, a: __m512bh, b: __m512bh, sums: __m512) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_dpbf16_ps(sums, a, b) }
        }

        #[inline(always)]
        unsafe fn load_sums(self, from: *const f32) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, sums: __m512, to: *mut f32) {
            // SAFETY: see `zero`.
            unsafe { _mm512_storeu_ps(to, sums) }
        }

        #[inline(always)]
        unsafe fn add(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn clamp(self, sums: __m512, max: f32) -> __m512 {
            // SAFETY: see `zero`.
            // Where there is a NaN both give their second operand.
            unsafe { _mm512_min_ps(_mm512_set1_ps(max), _mm512_max_ps(_mm512_setzero_ps(), sums)) }
        }
    }
}

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

/// A product of `rows` and `cols` with sums over `depth` words; the pointers are those of the first elements.
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
}

/// Columns that lie side by side in the right factor; every tile's width divides it.
pub(crate) const PANEL: usize = 32;

/// Rows of the largest tile, which all other registers but three are for where there are 32; even, since a word may
/// hold two rows.
pub(crate) const TILE_ROWS: usize = 14;

/// Values of the largest tile.
const TILE: usize = TILE_ROWS * PANEL;

#[repr(align(64))]
struct Aligned([f32; TILE]);

/// Has the line of `address` brought to the cache while something else is computed; `address` may be any.
#[inline(always)]
fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of every x86-64 processor, and a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

impl<W: Copy> Job<'_, W> {
    /// Runs in tiles of at most `R` rows and `V` registers of columns.
    ///
    /// # Safety
    /// Of the left factor, all elements `row * left_row + p * left_depth` have to be readable; of the right one, all
    /// `PANEL` words from `panel * right_panel + p * right_depth` on, also of the last panel; of `out`, `rows * cols`
    /// elements writable.
    #[inline(always)]
    pub(super) unsafe fn run<M: Machine<Word = W>, const R: usize, const V: usize>(&self, machine: M) {
        let mut col = 0;
        while col < self.cols {
            // SAFETY: the caller's; `col` stays inside the product.
            unsafe {
                if self.cols - col > M::LANES {
                    self.columns::<M, R, V>(machine, col);
                    col += V * M::LANES;
                } else {
                    self.columns::<M, R, 1>(machine, col);
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
    unsafe fn columns<M: Machine<Word = W>, const R: usize, const V: usize>(&self, machine: M, col: usize) {
        let mut row = 0;
        // SAFETY: the caller's; `row` stays inside the product.
        unsafe {
            while row < self.rows {
                row += match self.rows - row {
                    // The rest goes by tiles of four: with two rows, a tile waits for its own sums. So a tile and two rows are
                    // fours as well.
                    left if left >= R && left != R + 2 => {
                        self.tile::<M, R, V>(machine, row, col);
                        R
                    }
                    4.. => {
                        self.tile::<M, 4, V>(machine, row, col);
                        4
                    }
                    2.. => {
                        self.tile::<M, 2, V>(machine, row, col);
                        2
                    }
                    _ => {
                        self.tile::<M, 1, V>(machine, row, col);
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
    ) {
        let width = V * M::LANES;
        // SAFETY: the caller's: every address below is one of those that `run` speaks of.
        unsafe {
            let left = self.left.add(row * self.left_row);
            let right = self.right.add(col / PANEL * self.right_panel + col % PANEL);
            if matches!(self.finish, Finish::Add) {
                for i in 0..R {
                    let start = self.out.wrapping_add((row + i) * self.cols + col);
                    prefetch(start);
                    // Past the end of the product where a tile is wider than what is left.
                    prefetch(start.wrapping_add((V - 1) * M::LANES));
                }
            }
            let mut sums = [[machine.zero(); V]; R];
            for p in 0..self.depth {
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
