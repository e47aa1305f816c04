//! Weights packed for products.

use aligned_vec::{AVec, ConstAlign};
use pulp::bytemuck::Pod;

use super::product::{Arithmetic, PANEL, Right};

/// A right factor in the order in which products read it.
#[derive(Clone, Debug)]
pub(crate) struct Packed<W> {
    words: AVec<W, ConstAlign<64>>,
    depth: usize,
}

impl<W: Pod> Packed<W> {
    /// From `value(p, col)` for `p` below `depth`.
    pub fn new<F: Arithmetic<Word = W>>(
        depth: usize,
        cols: usize,
        value: impl Fn(usize, usize) -> f32,
    ) -> Self {
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
        Right::panels(&self.words[col / PANEL * PANEL * self.depth..], self.depth)
    }
}
