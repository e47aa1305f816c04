//! Kernels on slices. Each splits its work in a way that does not depend on the number of threads, and adds
//! partial sums in a fixed order, so results are the same for any number of threads.

pub(crate) mod depthwise;
pub(crate) mod depthwise_backward;
mod gradient_rows;
pub(crate) mod inference;
pub(crate) mod loss;
mod machine;
mod microkernel;
pub(crate) mod normalization;
pub(crate) mod optim;
pub(crate) mod packed;
pub(crate) mod pointwise;
pub(crate) mod pointwise_backward;
pub(crate) mod pool;
mod prefetch;
pub(crate) mod product;
mod results;
mod scratch;
pub(crate) mod simd;
pub(crate) mod stem;
pub(crate) mod stem_backward;
pub(crate) mod sums;
pub(crate) mod upstream;

/// Adds `parts`, all of one length, in order.
pub(crate) fn sum_in_order<T: Copy + std::ops::AddAssign>(parts: impl IntoIterator<Item = Vec<T>>) -> Vec<T> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        for (sum, value) in total.iter_mut().zip(&part) {
            *sum += *value;
        }
    }
    total
}
