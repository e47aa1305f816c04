//! 1x1 convolution as matrix products over blocks of rows.

use candle_core::DType;
use rayon::prelude::*;

use super::gemm::{Matrix, gemm};
use super::normalization::Constants;
use super::scratch::with_scratch;
use super::simd::{Lanes, Simd, for_lanes, load, store, vectorised};
use super::sums::Sums;
use crate::element::Element;

/// Values of the input and output of a block: about half of a core's second-level cache.
const BLOCK_VALUES: usize = 128 * 1024;
/// Fewer rows than these, and packing the weights would be a part of the time that matters.
const LEAST_ROWS: usize = 192;

/// Rows of a block for so many values a row.
pub(super) fn block_rows(values: usize) -> usize {
    (BLOCK_VALUES / values).clamp(LEAST_ROWS, 4096) / 32 * 32
}

/// `out[row] = a[row] w^T` with `a` the activation of `x`, for `x` `[rows, cin]` and `w` `[cout, cin]`; the sums of
/// the results and of their squares.
pub(crate) fn forward<T: Element>(
    out: &mut [T],
    x: &[T],
    input: Constants,
    w: &[f32],
    cin: usize,
    cout: usize,
) -> Sums {
    let rows = block_rows(cin + cout);
    let blocks = out.par_chunks_mut(rows * cout).zip(x.par_chunks(rows * cin));
    let sums = blocks.map(|(out, x)| {
        let rows = x.len() / cin;
        let mut sums = Sums::new(cout);
        let own = if T::DTYPE == DType::F32 { 0 } else { rows * cout };
        with_scratch([rows * cin, own], |[a, product]| {
            activate(a, x, input);
            let (a, w) = (Matrix::new(a, cin), Matrix::new(w, cin).t());
            if let Some(out) = T::as_f32_mut(out) {
                gemm(out, a, w, false);
            } else {
                gemm(product, a, w, false);
                narrow(out, product);
            }
        });
        vectorised(
            #[inline(always)]
            |simd| sums.add_squares(simd, out, cout),
        );
        sums
    });
    Sums::in_order(sums.collect::<Vec<_>>())
}

/// `out` as the activation of `x`.
pub(super) fn activate<T: Element>(out: &mut [f32], x: &[T], constants: Constants) {
    vectorised(
        #[inline(always)]
        |simd| {
            for_lanes(
                simd,
                constants.mean.len(),
                &mut Activate {
                    out: &mut *out,
                    x,
                    constants,
                },
            )
        },
    );
}

struct Activate<'a, T> {
    out: &'a mut [f32],
    x: &'a [T],
    constants: Constants<'a>,
}

impl<T: Element> Lanes for Activate<'_, T> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let c = self.constants.mean.len();
        let constants = self.constants.lanes::<L>(at);
        for (out, x) in self.out.chunks_exact_mut(c).zip(self.x.chunks_exact(c)) {
            store(out, at, constants.activate(simd, load(x, at)));
        }
    }
}

/// Rounds `values` to the format of `out`.
pub(super) fn narrow<T: Element>(out: &mut [T], values: &[f32]) {
    vectorised(
        #[inline(always)]
        |_| {
            for (out, value) in out.iter_mut().zip(values) {
                *out = T::from_f32(*value);
            }
        },
    );
}
