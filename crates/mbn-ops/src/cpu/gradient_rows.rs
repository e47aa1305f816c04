//! Rows of the gradient that reaches a depthwise convolution.

use super::product::{Single, padded};
use super::upstream::{Layout, Upstream, write};
use crate::operands::element::Element;
use crate::operands::shapes::DepthwiseShape;

/// The gradient of a depthwise convolution's result in the rows that the last row of the input met, in float32. Each is computed
/// once, though three rows of the input meet it.
pub(super) struct GradientRows<'a> {
    /// Three rows, of which row `i` of all `n oh` is number `i % 3`, and a row of zeros.
    rows: &'a mut [f32],
    held: [Option<usize>; 3],
    /// Values of the tensor in a row.
    len: usize,
    stride: usize,
    /// Values of a row here.
    padded_len: usize,
}

impl<'a> GradientRows<'a> {
    /// Values of memory that it needs.
    pub fn values(s: DepthwiseShape) -> usize {
        4 * s.ow * padded(s.c)
    }

    pub fn new(memory: &'a mut [f32], s: DepthwiseShape) -> Self {
        let stride = padded(s.c);
        let padded_len = s.ow * stride;
        memory[3 * padded_len..].fill(0.0);
        Self {
            rows: memory,
            held: [None; 3],
            len: s.ow * s.c,
            stride,
            padded_len,
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
        let to = &mut self.rows[row % 3 * self.padded_len..][..self.padded_len];
        write(
            source,
            Layout::<Single> {
                rows: Some((to, self.stride)),
                stacked: None,
            },
        );
    }

    /// Distance of a row's pixels.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// A row that was computed; zeros beside the output.
    pub fn row(&self, row: Option<usize>) -> &[f32] {
        let at = row.map_or(3, |row| row % 3);
        &self.rows[at * self.padded_len..][..self.padded_len]
    }
}
