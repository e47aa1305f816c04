//! Matrix products of blocks that fit a core's second-level cache, on one thread each: callers split the work and
//! lay the factors out, so that nothing but the weights is packed.

use aligned_vec::{AVec, ConstAlign};
use half::bf16;
use pulp::bytemuck::{Pod, cast_slice_mut};
use pulp::{Simd, WithSimd};

pub(crate) use super::microkernel::{Finish, PANEL, TILE_ROWS};
use super::microkernel::{Floats, Job};
use super::simd::{dispatch, has_bf16_products};
use crate::element::Element;

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
}

/// Distance of rows of `len` words: whole cache lines, and not a multiple of 4 KiB, or the lines of many rows would
/// compete for a few places in the first-level cache.
pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(PANEL) + 16
}

/// How a product multiplies.
pub(crate) trait Format {
    /// What the factors hold.
    type Value: Element + Pod;
    /// Values that follow each other along the sum.
    type Word: Pod + Send + Sync;
    const PER_WORD: usize;

    fn word(first: f32, second: f32) -> Self::Word;

    /// Computes a product.
    ///
    /// # Safety
    /// The job has to be one that [`job`] checked.
    unsafe fn run(job: &Job<Self::Word>);

    /// `left * right`, `[rows, cols]`, into `out`.
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
    ) {
        // SAFETY: checked by `job`.
        unsafe { Self::run(&job(out, cols, depth, left, right, finish)) }
    }

    /// Words of a row of `len` values.
    fn words(len: usize) -> usize {
        len.div_ceil(Self::PER_WORD)
    }
}

/// Float32.
pub(crate) struct Single;

impl Format for Single {
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
                // SAFETY: the caller's. Sums, columns and one value fit the registers: 32 of 16 lanes,
                // 16 of 8.
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

impl Format for Paired {
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
            // SAFETY: the caller's, and the instructions are enabled.
            unsafe { job.run::<_, TILE_ROWS, 2>(super::microkernel::Pairs) }
        }

        assert!(has_bf16_products());
        // SAFETY: the caller's, and the processor has the instructions.
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
    }
}

/// A right factor in the order in which products read it.
#[derive(Clone, Debug)]
pub(crate) struct Packed<W> {
    words: AVec<W, ConstAlign<64>>,
    depth: usize,
}

impl<W: Pod> Packed<W> {
    /// From `value(p, col)` for `p` below `depth`.
    pub fn new<F: Format<Word = W>>(depth: usize, cols: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let words = F::words(depth);
        let mut packed = AVec::with_capacity(64, cols.next_multiple_of(PANEL) * words);
        for panel in (0..cols).step_by(PANEL) {
            for word in 0..words {
                for col in panel..panel + PANEL {
                    let get = |p: usize| {
                        if p < depth && col < cols {
                            value(p, col)
                        } else {
                            0.0
                        }
                    };
                    let p = word * F::PER_WORD;
                    packed.push(F::word(get(p), get(p + 1)));
                }
            }
        }
        Self {
            words: packed,
            depth: words,
        }
    }

    /// Words along a sum.
    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn right(&self) -> Right<'_, W> {
        self.right_from(0)
    }

    /// The columns from `col` on, which starts a panel.
    pub fn right_from(&self, col: usize) -> Right<'_, W> {
        Right {
            words: &self.words[col / PANEL * PANEL * self.depth..],
            panel_stride: self.depth * PANEL,
            depth_stride: PANEL,
        }
    }
}

/// Scratch memory as words.
pub(crate) fn words<F: Format>(floats: &mut [f32]) -> &mut [F::Word] {
    cast_slice_mut(floats)
}

/// Words as the values in them.
pub(crate) fn values<F: Format>(words: &mut [F::Word]) -> &mut [F::Value] {
    cast_slice_mut(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that bfloat16 holds exactly, so that both formats give the same sums.
    fn matrix(rows: usize, cols: usize, seed: usize) -> Vec<f32> {
        (0..rows * cols)
            .map(|i| ((i * 7 + seed) % 17) as f32 / 8.0 - 1.0)
            .collect()
    }

    /// `words` of the matrix in rows of `stride`, and the same for sums over its rows.
    fn lay_out<F: Format>(matrix: &[f32], cols: usize) -> (Vec<F::Word>, usize, Vec<F::Word>, usize) {
        let rows = matrix.len() / cols;
        let at = |i: usize, j: usize| {
            if i < rows && j < cols {
                matrix[i * cols + j]
            } else {
                0.0
            }
        };
        let stride = padded(F::words(cols));
        let major = (0..rows * stride).map(|k| {
            let (i, j) = (k / stride, k % stride * F::PER_WORD);
            F::word(at(i, j), at(i, j + 1))
        });
        let wide = padded(cols);
        let stacked = (0..F::words(rows) * wide).map(|k| {
            let (i, j) = (k / wide * F::PER_WORD, k % wide);
            F::word(at(i, j), at(i + 1, j))
        });
        (major.collect(), stride, stacked.collect(), wide)
    }

    fn agrees_with_the_definition<F: Format>() {
        // Fewer and more than a tile in each direction, odd and even.
        for (rows, depth, cols) in [
            (1, 1, 1),
            (14, 16, 32),
            (31, 7, 33),
            (29, 40, 64),
            (5, 3, 15),
            (3, 9, 100),
        ] {
            let (a, b) = (matrix(rows, depth, 3), matrix(depth, cols, 5));
            let sum =
                |i: usize, j: usize| -> f32 { (0..depth).map(|p| a[i * depth + p] * b[p * cols + j]).sum() };
            let expected: Vec<f32> = (0..rows * cols).map(|k| sum(k / cols, k % cols)).collect();
            let (words, stride, ..) = lay_out::<F>(&a, depth);
            let packed = Packed::new::<F>(depth, cols, |p, col| b[p * cols + col]);
            let mut out = vec![7.0; rows * cols];
            let mut multiply = |finish| {
                F::multiply(
                    &mut out,
                    cols,
                    F::words(depth),
                    Left::rows(&words, stride),
                    packed.right(),
                    finish,
                );
                out.clone()
            };
            assert_eq!(multiply(Finish::Store), expected);
            let twice: Vec<f32> = expected.iter().map(|value| value * 2.0).collect();
            assert_eq!(multiply(Finish::Add), twice);
            let bias = matrix(1, cols, 1);
            let activated = expected
                .iter()
                .enumerate()
                .map(|(k, v)| (v + bias[k % cols]).clamp(0.0, 0.75));
            let finish = Finish::Activate {
                bias: &bias,
                max: 0.75,
            };
            assert_eq!(multiply(finish), activated.collect::<Vec<_>>());

            // The same from the transpose of `a`, whose sums are over its rows.
            let transposed: Vec<f32> = (0..depth * rows)
                .map(|k| a[k % rows * depth + k / rows])
                .collect();
            let (.., left, left_stride) = lay_out::<F>(&transposed, rows);
            let (.., right, right_stride) = lay_out::<F>(&b, cols);
            let (left, right) = (
                Left::transposed(&left, left_stride),
                Right::rows(&right, right_stride),
            );
            F::multiply(&mut out, cols, F::words(depth), left, right, Finish::Store);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn float32_products_are_their_definition() {
        agrees_with_the_definition::<Single>();
    }

    #[test]
    fn bfloat16_products_are_their_definition() {
        if has_bf16_products() {
            agrees_with_the_definition::<Paired>();
        } else {
            let reason = "these instructions do not multiply bfloat16";
            mbn_testing::skip(mbn_testing::Needs::Processor, reason);
        }
    }

    #[test]
    #[should_panic(expected = "last < left.words.len()")]
    fn too_few_words_are_noticed() {
        let (left, right) = (Left::rows(&[1.0; 4], 2), Right::rows(&[1.0; 64], 32));
        Single::multiply(&mut [0.0; 6], 2, 2, left, right, Finish::Store);
    }
}
