//! The instructions of a matrix product: float32 on any registers, and pairs of bfloat16 by AVX-512.

use pulp::Simd;

/// Instructions that multiply words of 32 bits and add to float32.
///
/// # Safety
/// The methods may be called only where the processor has the instructions. Pointers have to be valid for `LANES`
/// elements.
pub(super) unsafe trait Machine: Copy {
    /// What is multiplied: a float32, or two bfloat16 that follow each other along the sum.
    type Word: Copy;
    type Words: Copy;
    type Sums: Copy;
    const LANES: usize;

    unsafe fn zero(self) -> Self::Sums;
    unsafe fn splat(self, word: Self::Word) -> Self::Words;
    unsafe fn load(self, words: *const Self::Word) -> Self::Words;
    unsafe fn mul_add(self, a: Self::Words, b: Self::Words, sums: Self::Sums) -> Self::Sums;
    unsafe fn load_sums(self, from: *const f32) -> Self::Sums;
    unsafe fn store(self, sums: Self::Sums, to: *mut f32);
    unsafe fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// `min(max(0, sums), max)`, NaN for NaN.
    unsafe fn clamp(self, sums: Self::Sums, max: f32) -> Self::Sums;
}

/// Float32 on whatever registers `S` has.
#[derive(Clone, Copy)]
pub(super) struct Floats<S>(pub S);

// SAFETY: `S` exists only where the processor has its instructions; loads and stores are plain unaligned ones.
unsafe impl<S: Simd> Machine for Floats<S> {
    type Word = f32;
    type Words = S::f32s;
    type Sums = S::f32s;
    const LANES: usize = S::F32_LANES;

    #[inline(always)]
    unsafe fn zero(self) -> S::f32s {
        self.0.splat_f32s(0.0)
    }

    #[inline(always)]
    unsafe fn splat(self, word: f32) -> S::f32s {
        self.0.splat_f32s(word)
    }

    #[inline(always)]
    unsafe fn load(self, words: *const f32) -> S::f32s {
        // SAFETY: the caller guarantees `LANES` valid elements.
        unsafe { words.cast::<S::f32s>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: S::f32s, b: S::f32s, sums: S::f32s) -> S::f32s {
        self.0.mul_add_e_f32s(a, b, sums)
    }

    #[inline(always)]
    unsafe fn load_sums(self, from: *const f32) -> S::f32s {
        // SAFETY: the caller guarantees `LANES` valid elements.
        unsafe { from.cast::<S::f32s>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, sums: S::f32s, to: *mut f32) {
        // SAFETY: the caller guarantees `LANES` valid elements.
        unsafe { to.cast::<S::f32s>().write_unaligned(sums) }
    }

    #[inline(always)]
    unsafe fn add(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.add_f32s(a, b)
    }

    #[inline(always)]
    unsafe fn clamp(self, sums: S::f32s, max: f32) -> S::f32s {
        // Not `max_f32s`, which without vectors takes the number where the other is NaN.
        let (zero, max) = (self.0.splat_f32s(0.0), self.0.splat_f32s(max));
        let positive = self.0.select_f32s(self.0.less_than_f32s(sums, zero), zero, sums);
        self.0
            .select_f32s(self.0.less_than_f32s(max, positive), max, positive)
    }
}

/// Pairs of bfloat16, by AVX-512's dot products.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Pairs;

#[cfg(target_arch = "x86_64")]
mod pairs {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_max_ps, _mm512_min_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Machine, Pairs};

    #[inline(always)]
    fn as_pairs(bits: __m512i) -> __m512bh {
        // SAFETY: both are 512 bits without invalid patterns.
        unsafe { std::mem::transmute(bits) }
    }

    // SAFETY: every method is a few instructions of AVX-512 F and BF16, which the caller guarantees.
    unsafe impl Machine for Pairs {
        type Word = u32;
        type Words = __m512bh;
        type Sums = __m512;
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn zero(self) -> __m512 {
            // SAFETY: here and below, the caller guarantees the instructions and valid pointers.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat(self, word: u32) -> __m512bh {
            // SAFETY: see `zero`.
            as_pairs(unsafe { _mm512_set1_epi32(word.cast_signed()) })
        }

        #[inline(always)]
        unsafe fn load(self, words: *const u32) -> __m512bh {
            // SAFETY: see `zero`.
            as_pairs(unsafe { _mm512_loadu_si512(words.cast()) })
        }

        #[inline(always)]
        unsafe fn mul_add(self, a: __m512bh, b: __m512bh, sums: __m512) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_dpbf16_ps(sums, a, b) }
        }

        #[inline(always)]
        unsafe fn load_sums(self, from: *const f32) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, sums: __m512, to: *mut f32) {
            // SAFETY: see `zero`.
            unsafe { _mm512_storeu_ps(to, sums) }
        }

        #[inline(always)]
        unsafe fn add(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: see `zero`.
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn clamp(self, sums: __m512, max: f32) -> __m512 {
            // SAFETY: see `zero`. If an operand is NaN, both instructions return the second one.
            unsafe { _mm512_min_ps(_mm512_set1_ps(max), _mm512_max_ps(_mm512_setzero_ps(), sums)) }
        }
    }
}
