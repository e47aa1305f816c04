//! Memory that a thread keeps between kernels: fresh pages would cost as much as the arithmetic on them.

use std::cell::Cell;

thread_local! {
    static KEPT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Runs `f` with slices of the given lengths, whose values are whatever was left there.
pub(super) fn with_scratch<R, const N: usize>(
    lengths: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    // Taken, not borrowed: work that is stolen while `f` runs finds an empty vector and makes its own.
    let mut memory = KEPT.take();
    let total = lengths.iter().sum();
    if memory.len() < total {
        memory.resize(total, 0.0);
    }
    let mut rest = memory.as_mut_slice();
    let slices = lengths.map(|len| {
        let (slice, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        slice
    });
    let result = f(slices);
    KEPT.set(memory);
    result
}
