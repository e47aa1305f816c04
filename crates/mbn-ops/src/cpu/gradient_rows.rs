//! Rows of the gradient that reaches a depthwise convolution.

use super::product::Single;
use super::upstream::{Layout, Upstream, write};
use crate::operands::element::Element;
use crate::operands::shapes::DepthwiseShape;

/// The gradient of a depthwise convolution's result in the rows that the last row of the input met, in float32. Each is computed
/// once, though three rows of the input meet it.
pub(super) struct GradientRows<'a> {
    /// Three rows, of which row `i` of all `n oh` is number `i % 3`, and a row of zeros.
    rows: &'a mut [f32],
    held: [Option<usize>; 3],
    len: usize,
    columns: usize,
}

impl<'a> GradientRows<'a> {
    /// Values of memory that it needs.
    pub fn values(s: DepthwiseShape) -> usize {
        4 * s.ow * s.c
    }

    pub fn new(memory: &'a mut [f32], s: DepthwiseShape) -> Self {
        let len = s.ow * s.c;
        memory[3 * len..].fill(0.0);
        Self {
            rows: memory,
            held: [None; 3],
            len,
            columns: s.c,
        }
    }

    /// Computes row `row` of all `n oh`, if it is not there.
    pub fn compute<T: Element>(&mut self, row: usize, upstream: Upstream<T>) {
        if self.held[row % 3].replace(row) == Some(row) {
            return;
        }
        let range = row * self.len..(row + 1) * self.len;
        let source = Upstream {
            raw: &upstream.raw[range.clone()],
            gradient: &upstream.gradient[range],
            map: upstream.map,
        };
        let to = &mut self.rows[row % 3 * self.len..][..self.len];
        write(
            source,
            Layout::<Single> {
                rows: Some((to, self.columns)),
                stacked: None,
            },
        );
    }

    /// A row that was computed; zeros beside the output.
    pub fn row(&self, row: Option<usize>) -> &[f32] {
        let at = row.map_or(3, |row| row % 3);
        &self.rows[at * self.len..][..self.len]
    }
}
