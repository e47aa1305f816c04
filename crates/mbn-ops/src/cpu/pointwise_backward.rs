//! Gradients of the 1x1 convolution, block by block while it is in the cache.

use rayon::prelude::*;

use super::normalization::Constants;
use super::packed::{pack_rows, packed_len};
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
    let rows = input.raw.len() / cin;
    let parts = (PARTS_VALUES / (cin * cout)).clamp(1, PARTS);
    let part = rows.div_ceil(parts).next_multiple_of(TILE_ROWS);
    let parts = rows.div_ceil(part);
    with_scratch(
        [packed_len::<F>(cout, cin), parts * cin * cout],
        |[memory, dw]| {
            let weights = pack_rows::<F>(words::<F>(memory), w, cin);
            let sums = backward_packed::<T, F>(out, dw, input, upstream, weights, part);
            (sum_of_parts(dw, cin * cout), sums)
        },
    )
}

/// [`backward`] in parts of `part` rows; writes each part's gradient of the weights to `dw`.
fn backward_packed<T: Element, F: Arithmetic>(
    out: &mut [T],
    dw: &mut [f32],
    input: Activated<T>,
    upstream: Upstream<T>,
    weights: Right<F::Word>,
    part: usize,
) -> Sums {
    let (cin, cout) = (input.constants.mean.len(), upstream.map.channels());
    // Blocks of one size, or the last of each part would hardly be worth its overhead.
    let blocks = part.div_ceil(block_rows(cin + cout));
    let block = part.div_ceil(blocks).next_multiple_of(TILE_ROWS);
    let parts = out
        .par_chunks_mut(part * cin)
        .zip(dw.par_chunks_exact_mut(cin * cout))
        .zip(input.raw.par_chunks(part * cin))
        .zip(upstream.raw.par_chunks(part * cout))
        .zip(upstream.gradient.par_chunks(part * cout));
    let sums = parts.map(|((((out, dw), raw), raw_above), gradient)| {
        let mut gradients = Gradients {
            dw,
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
        gradients.sums
    });
    Sums::in_order(sums.collect::<Vec<_>>())
}

/// What is summed over blocks.
struct Gradients<'a> {
    dw: &'a mut [f32],
    is_first: bool,
    sums: Sums,
}

impl Gradients<'_> {
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
                self.dw,
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

/// Adds parts of `len` values in their order.
fn sum_of_parts(parts: &[f32], len: usize) -> Vec<f32> {
    /// Values that are added together.
    const LANES: usize = 16;
    /// Fewest of these groups that a thread adds.
    const GROUPS: usize = 1024;

    // Collected, so that no thread alone touches the new memory first.
    let groups = (0..len / LANES).into_par_iter().with_min_len(GROUPS).map(|i| {
        let mut sums = [0.0; LANES];
        for part in parts.chunks_exact(len) {
            let values = &part[i * LANES..][..LANES];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        sums
    });
    let mut total = groups.collect::<Vec<_>>().into_flattened();
    let rest = total.len()..len;
    total.extend(rest.map(|i| parts.iter().skip(i).step_by(len).sum::<f32>()));
    total
}
