//! Cache lines whose loading starts before they are needed.

/// Bytes of a cache line.
const LINE: usize = 64;

/// The cache into which a line is loaded.
#[derive(Clone, Copy)]
pub(super) enum Cache {
    First,
    Second,
}

/// Starts to load the cache line of `address`, which may be any address.
#[inline(always)]
pub(super) fn prefetch<T>(cache: Cache, address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of every x86-64 processor, and a prefetch never faults, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        match cache {
            Cache::First => _mm_prefetch::<_MM_HINT_T0>(address.cast()),
            Cache::Second => _mm_prefetch::<_MM_HINT_T1>(address.cast()),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (cache, address);
}

/// Starts to load the cache line of `values[at]` into the second-level cache; `at` may be past the end.
#[inline(always)]
pub(super) fn prefetch_value<T>(values: &[T], at: usize) {
    prefetch(Cache::Second, values.as_ptr().wrapping_add(at));
}

/// What is read after a product. The product starts to load it, since its own factors are in the caches and leave the
/// memory idle.
#[derive(Clone, Copy)]
pub(crate) struct Ahead([Region; 2]);

/// Consecutive cache lines.
#[derive(Clone, Copy)]
struct Region {
    next: *const u8,
    lines: usize,
}

/// An address with memory behind it. For one without, the processor would search its page tables each time.
static ANYWHERE: u8 = 0;

impl Region {
    const EMPTY: Self = Self {
        next: &raw const ANYWHERE,
        lines: 0,
    };

    fn of<T>(values: &[T]) -> Self {
        Self {
            next: values.as_ptr().cast(),
            lines: size_of_val(values).div_ceil(LINE),
        }
    }
}

impl Ahead {
    pub const NOTHING: Self = Self([Region::EMPTY; 2]);

    /// `values`.
    pub fn of<T>(values: &[T]) -> Self {
        Self([Region::of(values), Region::EMPTY])
    }

    /// `first`, then `second`.
    pub fn both<T>(first: &[T], second: &[T]) -> Self {
        Self([Region::of(first), Region::of(second)])
    }

    /// A function that starts to load one of the lines that are left, given its number, which may be too large.
    #[inline(always)]
    pub(super) fn loader(&self) -> impl Fn(usize) + use<> {
        let Region { next, lines } = self.0[0];
        // Where nothing is left, it loads one line over and over, which costs less than a condition.
        let step = if lines > 0 { LINE } else { 0 };
        move |i| prefetch(Cache::Second, next.wrapping_add(i * step))
    }

    /// Notes that the loading of `count` lines has started.
    #[inline(always)]
    pub(super) fn advance(&mut self, count: usize) {
        let [first, second] = &mut self.0;
        if first.lines > count {
            first.next = first.next.wrapping_add(count * LINE);
            first.lines -= count;
        } else {
            (*first, *second) = (*second, Region::EMPTY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_region_follows_the_first() {
        let (first, second) = ([0u32; 33], [0u32; 16]);
        let mut ahead = Ahead::both(&first, &second);
        let mut left = || {
            ahead.advance(1);
            let Region { next, lines } = ahead.0[0];
            (next, lines)
        };
        let line = first.as_ptr().cast::<u8>();
        assert_eq!(left(), (line.wrapping_add(LINE), 2));
        assert_eq!(left(), (line.wrapping_add(2 * LINE), 1));
        assert_eq!(left(), (second.as_ptr().cast(), 1));
        assert_eq!(left().1, 0);
        assert_eq!(left().1, 0);
    }
}
