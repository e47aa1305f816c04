//! Gradients of the 1x1 convolution, block by block while it is in the cache.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::normalization::Constants;
use super::packed::{pack, packed_len};
use super::pointwise::{block_rows, is_paired, own_result};
use super::product::{Ahead, Arithmetic, Finish, Left, Paired, Right, Single, TILE_ROWS, padded, words};
use super::scratch::with_scratch;
use super::simd::vectorised;
use super::sums::Sums;
use super::upstream::{Activated, Layout, Upstream, write};
use crate::operands::element::Element;

/// Most parts of the weight gradient, a sum over all rows, and the most values of all parts together.
const PARTS: usize = 32;
const PARTS_VALUES: usize = 4 * 1024 * 1024;

/// Memory of parts for the next call: fresh pages would cost as much as the sums.
static KEPT: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Writes to `out`, `[rows, cin]`, the gradient of batch norm's result in the layer before, given its `raw` input
/// and constants. Returns the weights' gradient `[cout, cin]`, and the sums of `out` and of `out (raw - mean)`.
pub(crate) fn backward<T: Element>(
    out: &mut [T],
    raw: &[T],
    constants: Constants,
    upstream: Upstream<T>,
    w: &[f32],
    cin: usize,
    cout: usize,
) -> (Vec<f32>, Sums) {
    let input = Activated { raw, constants };
    if is_paired::<T>() {
        backward_as::<T, Paired>(out, input, upstream, w, cin, cout)
    } else {
        backward_as::<T, Single>(out, input, upstream, w, cin, cout)
    }
}

fn backward_as<T: Element, F: Arithmetic>(
    out: &mut [T],
    input: Activated<T>,
    upstream: Upstream<T>,
    w: &[f32],
    cin: usize,
    cout: usize,
) -> (Vec<f32>, Sums) {
    with_scratch([packed_len::<F>(cout, cin)], |[memory]| {
        let weights = pack::<F>(words::<F>(memory), cout, cin, |p, col| w[p * cin + col]);
        backward_packed::<T, F>(out, input, upstream, weights)
    })
}

fn backward_packed<T: Element, F: Arithmetic>(
    out: &mut [T],
    input: Activated<T>,
    upstream: Upstream<T>,
    weights: Right<F::Word>,
) -> (Vec<f32>, Sums) {
    let (cin, cout) = (input.constants.mean.len(), upstream.map.channels());
    let rows = input.raw.len() / cin;
    let parts = (PARTS_VALUES / (cin * cout)).clamp(1, PARTS);
    let part = rows.div_ceil(parts).next_multiple_of(TILE_ROWS);
    // Blocks of one size, or the last of each part would hardly be worth its overhead.
    let blocks = part.div_ceil(block_rows(cin + cout));
    let block = part.div_ceil(blocks).next_multiple_of(TILE_ROWS);
    let parts = out
        .par_chunks_mut(part * cin)
        .zip(input.raw.par_chunks(part * cin))
        .zip(upstream.raw.par_chunks(part * cout))
        .zip(upstream.gradient.par_chunks(part * cout));
    let parts = parts.map(|(((out, raw), raw_above), gradient)| {
        let mut gradients = Gradients {
            dw: take(cout * cin),
            is_first: true,
            sums: Sums::new(cin),
        };
        let upstream = Upstream {
            raw: raw_above,
            gradient,
            map: upstream.map,
        };
        let reads = raw.chunks(block * cin).zip(upstream.chunks(block * cout));
        let next = reads.clone().skip(1).map(Some).chain([None]);
        for (out, ((raw, upstream), next)) in out.chunks_mut(block * cin).zip(reads.zip(next)) {
            gradients.add_block::<T, F>(out, Activated { raw, ..input }, upstream, next, weights);
        }
        (gradients.dw, gradients.sums)
    });
    let (dw, sums): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
    (sum_and_keep(dw), Sums::in_order(sums))
}

/// What is summed over blocks.
struct Gradients {
    dw: Vec<f32>,
    is_first: bool,
    sums: Sums,
}

impl Gradients {
    fn add_block<T: Element, F: Arithmetic>(
        &mut self,
        out: &mut [T],
        input: Activated<T>,
        upstream: Upstream<T>,
        next: Option<(&[T], Upstream<T>)>,
        weights: Right<F::Word>,
    ) {
        let cin = input.constants.mean.len();
        let cout = upstream.map.channels();
        let rows = out.len() / cin;
        let stride = padded(F::words(cout));
        let (stride_in, stride_out) = (padded(cin), padded(cout));
        let is_single = F::PER_WORD == 1;
        let stacked = F::words(rows);
        let lengths = [
            rows * stride,
            if is_single { 0 } else { stacked * stride_out },
            stacked * stride_in,
            own_result::<T>(out.len()),
        ];
        with_scratch(lengths, |[dy, dy_stacked, a, product]| {
            let (dy, dy_stacked, a) = (words::<F>(dy), words::<F>(dy_stacked), words::<F>(a));
            write(
                upstream,
                Layout::<F> {
                    rows: Some((dy, stride)),
                    stacked: (!is_single).then_some((&mut *dy_stacked, stride_out)),
                },
            );
            write(
                input,
                Layout::<F> {
                    rows: None,
                    stacked: Some((a, stride_in)),
                },
            );
            let columns = if is_single { &*dy } else { dy_stacked };
            let [ahead, further_ahead] = match next {
                Some((raw, upstream)) => [Ahead::both(upstream.raw, raw), Ahead::of(upstream.gradient)],
                None => [Ahead::NOTHING; 2],
            };
            let finish = if std::mem::take(&mut self.is_first) {
                Finish::Store
            } else {
                Finish::Add
            };
            F::multiply(
                &mut self.dw,
                cin,
                stacked,
                Left::transposed(columns, stride_out),
                Right::rows(a, stride_in),
                finish,
                ahead,
            );
            let result = T::as_f32_mut(out);
            let is_own = result.is_none();
            F::multiply(
                result.unwrap_or(&mut *product),
                cin,
                F::words(cout),
                Left::rows(dy, stride),
                weights,
                Finish::Store,
                further_ahead,
            );
            let product = is_own.then_some(&*product);
            vectorised(
                #[inline(always)]
                |simd| {
                    self.sums
                        .add_passed(simd, out, product, input.raw, input.constants)
                },
            );
        });
    }
}

/// A vector of `len` values of any content.
fn take(len: usize) -> Vec<f32> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut part = kept.pop().unwrap_or_default();
    drop(kept);
    part.resize(len, 0.0);
    part
}

/// Adds `parts` in their order.
fn sum_and_keep(parts: Vec<Vec<f32>>) -> Vec<f32> {
    /// Values that a thread sums at a time.
    const CHUNK: usize = 16 * 1024;
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    let parts: Vec<_> = parts.collect();
    total.par_chunks_mut(CHUNK).enumerate().for_each(|(i, total)| {
        for part in &parts {
            let part = &part[i * CHUNK..][..total.len()];
            total.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
    });
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).extend(parts);
    total
}
