//! 1x1 convolution as matrix products over blocks of rows.

use candle_core::DType;
use rayon::prelude::*;

use super::normalization::Constants;
use super::packed::{pack_columns, packed_len};
use super::product::{Ahead, Arithmetic, Finish, Left, Paired, Right, Single, TILE_ROWS, padded, words};
use super::scratch::with_scratch;
use super::simd::{has_bf16_products, vectorised};
use super::sums::Sums;
use super::upstream::{Activated, Layout, write};
use crate::operands::element::Element;

/// Values of the input and output of a block. The second-level cache holds them, the factors computed from them, and what
/// products load ahead for the next block. On a processor with 1 MiB, twice as many make a step 2 to 4 % longer.
const BLOCK_VALUES: usize = 32 * 1024;
/// With fewer rows, reading the weights would take a large part of the time.
const LEAST_ROWS: usize = 112;
/// Rows of a block, for rows of `values` values.
pub(super) fn block_rows(values: usize) -> usize {
    (BLOCK_VALUES / values).clamp(LEAST_ROWS, 4096) / TILE_ROWS * TILE_ROWS
}

/// Whether products of values stored as `T` multiply pairs of bfloat16.
pub(super) fn is_paired<T: Element>() -> bool {
    T::DTYPE == DType::BF16 && has_bf16_products()
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
    if is_paired::<T>() {
        forward_as::<T, Paired>(out, x, input, w, cin, cout)
    } else {
        forward_as::<T, Single>(out, x, input, w, cin, cout)
    }
}

fn forward_as<T: Element, F: Arithmetic>(
    out: &mut [T],
    x: &[T],
    constants: Constants,
    w: &[f32],
    cin: usize,
    cout: usize,
) -> Sums {
    with_scratch([packed_len::<F>(cin, cout)], |[memory]| {
        let weights = pack_columns::<F>(words::<F>(memory), w, cin);
        forward_packed::<T, F>(out, x, constants, weights, cout)
    })
}

fn forward_packed<T: Element, F: Arithmetic>(
    out: &mut [T],
    x: &[T],
    constants: Constants,
    weights: Right<F::Word>,
    cout: usize,
) -> Sums {
    let cin = constants.mean.len();
    let rows = block_rows(cin + cout);
    let (depth, stride) = (F::words(cin), padded(F::words(cin)));
    let blocks = out.par_chunks_mut(rows * cout).enumerate();
    let sums = blocks.map(|(block, out)| {
        let mut blocks = x.chunks(rows * cin).skip(block);
        let (raw, next) = (
            blocks.next().unwrap_or_default(),
            blocks.next().unwrap_or_default(),
        );
        let mut sums = Sums::new(cout);
        with_scratch(
            [raw.len() / cin * stride, own_result::<T>(out.len())],
            |[a, product]| {
                let a = words::<F>(a);
                let layout = Layout::<F> {
                    rows: Some((a, stride)),
                    stacked: None,
                };
                write(Activated { raw, constants }, layout);
                into_result(out, product, |out| {
                    F::multiply(
                        out,
                        cout,
                        depth,
                        Left::rows(a, stride),
                        weights,
                        Finish::Store,
                        Ahead::of(next),
                    );
                });
            },
        );
        vectorised(
            #[inline(always)]
            |simd| sums.add_squares(simd, out, cout),
        );
        sums
    });
    Sums::in_order(sums.collect::<Vec<_>>())
}

/// Floats that a product needs for `len` results beside `out`: none where they are stored as float32.
pub(super) fn own_result<T: Element>(len: usize) -> usize {
    if T::DTYPE == DType::F32 { 0 } else { len }
}

/// Lets `multiply` write to `out` itself, or to `product`, and rounds that.
fn into_result<T: Element>(out: &mut [T], product: &mut [f32], multiply: impl FnOnce(&mut [f32])) {
    match T::as_f32_mut(out) {
        Some(out) => multiply(out),
        None => {
            multiply(product);
            narrow(out, product);
        }
    }
}

/// Rounds `values` to the type of `out`.
fn narrow<T: Element>(out: &mut [T], values: &[f32]) {
    vectorised(
        #[inline(always)]
        |_| {
            for (out, value) in out.iter_mut().zip(values) {
                *out = T::from_f32(*value);
            }
        },
    );
}
