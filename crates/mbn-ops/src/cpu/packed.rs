//! Weights packed for products.

use aligned_vec::{AVec, ConstAlign};
use pulp::bytemuck::Pod;
use rayon::prelude::*;

use super::product::{Arithmetic, PANEL, Right};

/// A right factor in the order in which products read it.
#[derive(Clone, Debug)]
pub(crate) struct Packed<W> {
    words: AVec<W, ConstAlign<64>>,
    depth: usize,
}

impl<W: Pod + Send> Packed<W> {
    /// See [`pack`].
    pub fn new<F: Arithmetic<Word = W>>(
        depth: usize,
        cols: usize,
        value: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Self {
        let mut words = AVec::new(64);
        words.resize(packed_len::<F>(depth, cols), W::zeroed());
        pack::<F>(&mut words, depth, cols, value);
        let depth = F::words(depth);
        Self { words, depth }
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
        Right::panels(&self.words[col / PANEL * PANEL * self.depth..], self.depth)
    }
}

/// Words of a packed factor `[depth, cols]`.
pub(super) fn packed_len<F: Arithmetic>(depth: usize, cols: usize) -> usize {
    F::words(depth) * cols.next_multiple_of(PANEL)
}

/// Fills `words`, [`packed_len`] of them, with `value(p, col)` for `p` below `depth`, and with zeros.
pub(super) fn pack<F: Arithmetic>(
    words: &mut [F::Word],
    depth: usize,
    cols: usize,
    value: impl Fn(usize, usize) -> f32 + Sync,
) -> Right<'_, F::Word> {
    /// Words of a column that are written together: whether the values of a row or of a column lie side by side in
    /// memory, each cache line is read a few times at most, and few of them compete for a place in the first-level cache.
    const TOGETHER: usize = 8;

    let panels = words.par_chunks_exact_mut(F::words(depth) * PANEL).enumerate();
    panels.for_each(|(panel, words)| {
        for (block, rows) in words.chunks_mut(TOGETHER * PANEL).enumerate() {
            for lane in 0..PANEL {
                let col = panel * PANEL + lane;
                let get = |p: usize| {
                    if p < depth && col < cols {
                        value(p, col)
                    } else {
                        0.0
                    }
                };
                for (row, words) in rows.chunks_exact_mut(PANEL).enumerate() {
                    let p = (block * TOGETHER + row) * F::PER_WORD;
                    words[lane] = F::word(get(p), get(p + 1));
                }
            }
        }
    });
    Right::panels(words, F::words(depth))
}
