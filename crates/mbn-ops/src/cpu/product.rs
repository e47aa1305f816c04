//! Matrix products of blocks that fit a core's second-level cache, on one thread each: callers split the work and
//! lay the factors out, so that nothing but the weights is packed.

use half::bf16;
use pulp::bytemuck::{Pod, cast_slice_mut};
use pulp::{Simd, WithSimd};

use super::machine::Floats;
use super::microkernel::Job;
pub(crate) use super::microkernel::{Finish, PANEL, TILE_ROWS};
pub(crate) use super::prefetch::Ahead;
use super::simd::{dispatch, has_bf16_products};
use crate::operands::element::Element;

/// The left factor `[rows, depth]`: a word is at `row * row_stride + depth * depth_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a, W> {
    words: &'a [W],
    row_stride: usize,
    depth_stride: usize,
}

impl<'a, W> Left<'a, W> {
    /// A matrix whose rows lie `stride` apart.
    pub fn rows(words: &'a [W], stride: usize) -> Self {
        Self {
            words,
            row_stride: stride,
            depth_stride: 1,
        }
    }

    /// The transpose of such a matrix.
    pub fn transposed(words: &'a [W], stride: usize) -> Self {
        Self {
            words,
            row_stride: 1,
            depth_stride: stride,
        }
    }
}

/// The right factor `[depth, cols]` in panels of [`PANEL`] columns.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a, W> {
    words: &'a [W],
    panel_stride: usize,
    depth_stride: usize,
}

impl<'a, W> Right<'a, W> {
    /// A matrix whose rows lie `stride` apart, at least [`padded`] columns.
    pub fn rows(words: &'a [W], stride: usize) -> Self {
        Self {
            words,
            panel_stride: PANEL,
            depth_stride: stride,
        }
    }

    /// Panels of `depth` words a column, one panel after the other.
    pub fn panels(words: &'a [W], depth: usize) -> Self {
        Self {
            words,
            panel_stride: depth * PANEL,
            depth_stride: PANEL,
        }
    }
}

/// Distance of rows of `len` words: whole cache lines, and not a multiple of 4 KiB, or the lines of many rows would
/// compete for a few places in the first-level cache.
pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(PANEL) + 16
}

/// How a product multiplies: which values the factors hold, and with which instructions.
pub(crate) trait Arithmetic {
    /// A value of a factor.
    type Value: Element + Pod;
    /// Values that follow each other along the sum.
    type Word: Pod + Send + Sync;
    const PER_WORD: usize;

    fn word(first: f32, second: f32) -> Self::Word;

    /// Computes a product.
    ///
    /// # Safety
    /// [`job`] must have checked the job.
    unsafe fn run(job: &Job<Self::Word>);

    /// `left * right`, `[rows, cols]`, into `out`; starts to load what is `ahead`.
    ///
    /// # Panics
    /// If words are missing: a fault of the calling kernel.
    fn multiply(
        out: &mut [f32],
        cols: usize,
        depth: usize,
        left: Left<Self::Word>,
        right: Right<Self::Word>,
        finish: Finish,
        ahead: Ahead,
    ) {
        // SAFETY: `job` checks that all words are there.
        unsafe { Self::run(&job(out, cols, depth, left, right, finish, ahead)) }
    }

    /// Words of a row of `len` values.
    fn words(len: usize) -> usize {
        len.div_ceil(Self::PER_WORD)
    }
}

/// Float32.
pub(crate) struct Single;

impl Arithmetic for Single {
    type Value = f32;
    type Word = f32;
    const PER_WORD: usize = 1;

    #[inline(always)]
    fn word(first: f32, _: f32) -> f32 {
        first
    }

    unsafe fn run(job: &Job<f32>) {
        struct Multiply<'a>(&'a Job<'a, f32>);

        impl WithSimd for Multiply<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                // SAFETY: the caller guarantees a checked job. The tiles are as large as the registers allow: 32
                // of 16 lanes, 16 of 8.
                unsafe {
                    match S::F32_LANES {
                        16 => self.0.run::<_, TILE_ROWS, 2>(Floats(simd)),
                        8 => self.0.run::<_, 6, 2>(Floats(simd)),
                        _ => self.0.run::<_, 4, 4>(Floats(simd)),
                    }
                }
            }
        }

        dispatch(Multiply(job));
    }
}

/// Pairs of bfloat16; only where [`has_bf16_products`].
pub(crate) struct Paired;

impl Arithmetic for Paired {
    type Value = bf16;
    type Word = u32;
    const PER_WORD: usize = 2;

    #[inline(always)]
    fn word(first: f32, second: f32) -> u32 {
        let bits = |value| u32::from(<bf16 as Element>::from_f32(value).to_bits());
        bits(first) | bits(second) << 16
    }

    #[cfg(target_arch = "x86_64")]
    unsafe fn run(job: &Job<u32>) {
        #[target_feature(enable = "avx512f,avx512bf16")]
        unsafe fn run(job: &Job<u32>) {
            // SAFETY: the caller guarantees a checked job, and the instructions are enabled.
            unsafe { job.run::<_, TILE_ROWS, 2>(super::machine::Pairs) }
        }

        assert!(has_bf16_products());
        // SAFETY: the caller guarantees a checked job, and the processor has the instructions.
        unsafe { run(job) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    unsafe fn run(_: &Job<u32>) {
        unreachable!("only where the processor multiplies bfloat16")
    }
}

/// Checks that all words are there.
///
/// # Panics
/// If not: a fault of the calling kernel.
fn job<'a, W>(
    out: &mut [f32],
    cols: usize,
    depth: usize,
    left: Left<W>,
    right: Right<W>,
    finish: Finish<'a>,
    ahead: Ahead,
) -> Job<'a, W> {
    let rows = out.len() / cols;
    assert_eq!(out.len(), rows * cols);
    if rows > 0 && depth > 0 {
        let last = (rows - 1) * left.row_stride + (depth - 1) * left.depth_stride;
        assert!(last < left.words.len());
        let panels = cols.div_ceil(PANEL);
        let end = (panels - 1) * right.panel_stride + (depth - 1) * right.depth_stride + PANEL;
        assert!(end <= right.words.len());
    }
    if let Finish::Activate { bias, .. } = finish {
        assert_eq!(bias.len(), cols);
    }
    Job {
        rows,
        cols,
        depth,
        left: left.words.as_ptr(),
        left_row: left.row_stride,
        left_depth: left.depth_stride,
        right: right.words.as_ptr(),
        right_panel: right.panel_stride,
        right_depth: right.depth_stride,
        out: out.as_mut_ptr(),
        finish,
        ahead,
    }
}

/// Scratch memory as words.
pub(crate) fn words<F: Arithmetic>(floats: &mut [f32]) -> &mut [F::Word] {
    cast_slice_mut(floats)
}

/// Words as the values in them.
pub(crate) fn values<F: Arithmetic>(words: &mut [F::Word]) -> &mut [F::Value] {
    cast_slice_mut(words)
}

#[cfg(test)]
mod tests;
