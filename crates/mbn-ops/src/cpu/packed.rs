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
    /// See [`pack_columns`].
    pub fn columns<F: Arithmetic<Word = W>>(w: &[f32], depth: usize) -> Self {
        let mut words = AVec::new(64);
        words.resize(packed_len::<F>(depth, w.len() / depth), W::zeroed());
        pack_columns::<F>(&mut words, w, depth);
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

/// Packs `w`, `[depth, cols]`, into [`packed_len`] words.
pub(super) fn pack_rows<'a, F: Arithmetic>(
    words: &'a mut [F::Word],
    w: &[f32],
    cols: usize,
) -> Right<'a, F::Word> {
    let depth = F::words(w.len() / cols);
    let panels = words.par_chunks_exact_mut(depth * PANEL).enumerate();
    panels.for_each(|(panel, words)| {
        let start = panel * PANEL;
        let width = PANEL.min(cols - start);
        let rows = w.chunks(F::PER_WORD * cols);
        for (words, rows) in words.chunks_exact_mut(PANEL).zip(rows) {
            let (words, rest) = words.split_at_mut(width);
            let (first, second) = rows.split_at(cols);
            let first = &first[start..][..width];
            if second.is_empty() {
                for (word, first) in words.iter_mut().zip(first) {
                    *word = F::word(*first, 0.0);
                }
            } else {
                let second = &second[start..][..width];
                for (word, (first, second)) in words.iter_mut().zip(first.iter().zip(second)) {
                    *word = F::word(*first, *second);
                }
            }
            rest.fill(F::word(0.0, 0.0));
        }
    });
    Right::panels(words, depth)
}

/// Packs `w`, `[cols, depth]`, into [`packed_len`] words.
pub(super) fn pack_columns<'a, F: Arithmetic>(
    words: &'a mut [F::Word],
    w: &[f32],
    depth: usize,
) -> Right<'a, F::Word> {
    /// Words of a column that are written together: each cache line of `w` is read once or twice, and few of them compete
    /// for a place in the first-level cache.
    const TOGETHER: usize = 8;

    let panels = words.par_chunks_exact_mut(F::words(depth) * PANEL).enumerate();
    panels.for_each(|(panel, words)| {
        for (block, rows) in words.chunks_mut(TOGETHER * PANEL).enumerate() {
            for lane in 0..PANEL {
                let rows = rows.chunks_exact_mut(PANEL).map(|words| &mut words[lane]);
                match w.chunks_exact(depth).nth(panel * PANEL + lane) {
                    Some(column) => {
                        let values = column[block * TOGETHER * F::PER_WORD..].chunks(F::PER_WORD);
                        for (word, values) in rows.zip(values) {
                            *word = F::word(values[0], values.get(1).copied().unwrap_or_default());
                        }
                    }
                    None => rows.for_each(|word| *word = F::word(0.0, 0.0)),
                }
            }
        }
    });
    Right::panels(words, F::words(depth))
}
