//! The folded network's layers: each adds its bias and clamps as it writes, and a depthwise convolution's result
//! stays in the cache for the pointwise convolution that reads it.

use std::ops::Range;

use rayon::prelude::*;

use super::depthwise::Convolution;
use super::normalization::{AsStored, Map};
use super::packed::Packed;
use super::pointwise::block_rows;
use super::product::{Ahead, Arithmetic, Finish, Left, PANEL, Single, padded};
use super::results::Results;
use super::scratch::with_scratch;
use super::simd::{Simd, activate, load, vectorised};
use super::stem::ImageRows;
use crate::operands::conv3x3::Conv3x3;
use crate::operands::shapes::{DepthwiseShape, StemShape};

/// Bias `[c]` and upper bound of the activation.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub bias: &'a [f32],
    pub max: f32,
}

/// [`Epilogue`] of `L` channels.
#[derive(Clone, Copy)]
pub(crate) struct EpilogueLanes<const L: usize> {
    bias: [f32; L],
    max: f32,
}

impl Map for Epilogue<'_> {
    type Lanes<const L: usize> = EpilogueLanes<L>;

    #[inline(always)]
    fn prepare<const L: usize>(&self, at: usize) -> EpilogueLanes<L> {
        EpilogueLanes {
            bias: load(self.bias, at),
            max: self.max,
        }
    }

    /// `min(max(0, x + bias), max)`, NaN for NaN.
    #[inline(always)]
    fn apply<const L: usize>(_: Simd, lanes: &EpilogueLanes<L>, mut x: [f32; L]) -> [f32; L] {
        for (x, bias) in x.iter_mut().zip(lanes.bias) {
            *x = activate(*x + bias, lanes.max);
        }
        x
    }
}

impl Results for Epilogue<'_> {
    type Lanes<const L: usize> = EpilogueLanes<L>;

    #[inline(always)]
    fn start<const L: usize>(&self, at: usize) -> EpilogueLanes<L> {
        self.prepare(at)
    }

    #[inline(always)]
    fn map<const L: usize>(&self, simd: Simd, lanes: &EpilogueLanes<L>, x: [f32; L]) -> [f32; L] {
        Self::apply(simd, lanes, x)
    }

    #[inline(always)]
    fn note<const L: usize>(&self, _: Simd, _: &mut EpilogueLanes<L>, _: [f32; L]) {}

    #[inline(always)]
    fn finish<const L: usize>(&mut self, _: EpilogueLanes<L>, _: usize) {}
}

/// The convolution on the image, `[n, 3, h, w]` to `[n, oh, ow, cout]`; `taps` are `[27, cout]`.
pub(crate) fn stem(
    out: &mut [f32],
    image: &[f32],
    taps: &[f32],
    epilogue: Epilogue,
    conv: Conv3x3,
    s: StemShape,
) {
    let len = s.ow * s.cout;
    let rows = out.par_chunks_mut(len).enumerate();
    rows.for_each_init(
        || ImageRows::new(conv, s),
        |rows, (row, out)| {
            vectorised(
                #[inline(always)]
                |simd| {
                    rows.read(image, row);
                    rows.convolve(simd, out, taps, epilogue);
                },
            );
        },
    );
}

/// A depthwise convolution: weights `[9, c]`, and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Depthwise<'a> {
    pub taps: &'a [f32],
    pub epilogue: Epilogue<'a>,
    pub conv: Conv3x3,
    pub shape: DepthwiseShape,
}

impl Depthwise<'_> {
    /// Rows of the output from row `row` of all on, their pixels `stride` apart.
    fn rows(&self, out: &mut [f32], stride: usize, x: &[f32], row: usize) {
        let convolution = Convolution {
            x,
            prologue: AsStored,
            taps: self.taps,
            conv: self.conv,
            s: self.shape,
        };
        convolution.rows(out, stride, row, &mut { self.epilogue });
    }

    /// About the part of `x` from which `count` rows of the output are computed, from `row` on.
    fn input<'a>(&self, x: &'a [f32], row: usize, count: usize) -> &'a [f32] {
        let DepthwiseShape { h, w, c, oh, .. } = self.shape;
        let len = w * c;
        let start = (row / oh * h + row % oh * self.conv.stride) * len;
        let rest = x.get(start..).unwrap_or_default();
        &rest[..rest.len().min(count * self.conv.stride * len)]
    }
}

/// A pointwise convolution: weights `[cin, cout]`, and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Pointwise<'a> {
    pub weights: &'a Packed<f32>,
    pub epilogue: Epilogue<'a>,
}

impl Pointwise<'_> {
    /// The output channels `start..start + out.len() / pixels` of the pixels in `x`, `stride` apart.
    fn multiply(&self, out: &mut [f32], channels: Range<usize>, x: &[f32], stride: usize, ahead: Ahead) {
        let Epilogue { bias, max } = self.epilogue;
        Single::multiply(
            out,
            channels.len(),
            self.weights.depth(),
            Left::rows(x, stride),
            self.weights.right_from(channels.start),
            Finish::Activate {
                bias: &bias[channels],
                max,
            },
            ahead,
        );
    }
}

/// Depthwise and pointwise convolution, `[n, h, w, c]` to `[n, oh, ow, cout]`.
pub(crate) fn separable(out: &mut [f32], x: &[f32], depthwise: &Depthwise, pointwise: Pointwise) {
    let DepthwiseShape { ow, c, n, oh, .. } = depthwise.shape;
    let cout = pointwise.epilogue.bias.len();
    let rows = block_rows(c + cout).div_ceil(ow);
    if n * oh <= rows {
        return separable_by_output_channels(out, x, depthwise, pointwise);
    }
    let stride = padded(c);
    let blocks = out.par_chunks_mut(rows * ow * cout).enumerate();
    blocks.for_each(|(block, out)| {
        with_scratch([out.len() / cout * stride], |[between]| {
            depthwise.rows(between, stride, x, block * rows);
            let ahead = Ahead::of(depthwise.input(x, (block + 1) * rows, rows));
            pointwise.multiply(out, 0..cout, between, stride, ahead);
        });
    });
}

/// [`separable`] for so few pixels that threads have to share them.
fn separable_by_output_channels(out: &mut [f32], x: &[f32], depthwise: &Depthwise, pointwise: Pointwise) {
    /// Output channels that a thread takes at once.
    const CHANNELS: usize = 2 * PANEL;
    let DepthwiseShape { ow, c, .. } = depthwise.shape;
    let cout = pointwise.epilogue.bias.len();
    let (pixels, stride) = (out.len() / cout, padded(c));
    with_scratch([pixels * stride, out.len()], |[between, columns]| {
        let rows = between.par_chunks_exact_mut(ow * stride).enumerate();
        rows.for_each(|(row, between)| depthwise.rows(between, stride, x, row));
        let between = &*between;
        let chunks = columns.par_chunks_mut(CHANNELS * pixels).enumerate();
        chunks.for_each(|(i, out)| {
            let channels = i * CHANNELS..i * CHANNELS + out.len() / pixels;
            pointwise.multiply(out, channels, between, stride, Ahead::NOTHING);
        });
        for (i, columns) in columns.chunks(CHANNELS * pixels).enumerate() {
            let width = columns.len() / pixels;
            for (out, columns) in out.chunks_exact_mut(cout).zip(columns.chunks_exact(width)) {
                out[i * CHANNELS..i * CHANNELS + width].copy_from_slice(columns);
            }
        }
    });
}
