//! Memory that a thread keeps between kernels: fresh pages would cost as much as the arithmetic on them.

use std::cell::Cell;

use aligned_vec::{AVec, ConstAlign};

/// A vector register, and a cache line.
const ALIGNMENT: usize = 64;
/// Floats in a line.
const LINE: usize = ALIGNMENT / size_of::<f32>();

type Memory = AVec<f32, ConstAlign<ALIGNMENT>>;

thread_local! {
    static KEPT: Cell<Memory> = Cell::new(Memory::new(ALIGNMENT));
}

/// Runs `f` with slices of the given lengths, each at the start of a cache line, of any content.
pub(super) fn with_scratch<R, const N: usize>(
    lengths: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    // Taken, not borrowed: work that is stolen while `f` runs finds an empty vector and makes its own.
    let mut memory = KEPT.replace(Memory::new(ALIGNMENT));
    let total = lengths.iter().map(|len| len.next_multiple_of(LINE)).sum();
    if memory.len() < total {
        memory.resize(total, 0.0);
    }
    let mut rest = memory.as_mut_slice();
    let slices = lengths.map(|len| {
        let (slice, after) = std::mem::take(&mut rest).split_at_mut(len.next_multiple_of(LINE));
        rest = after;
        &mut slice[..len]
    });
    let result = f(slices);
    KEPT.set(memory);
    result
}
