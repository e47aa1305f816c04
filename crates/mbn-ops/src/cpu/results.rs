//! What a kernel does with results before and after it stores them.

use super::simd::Simd;

/// What becomes of the results of a convolution.
pub(super) trait Results {
    /// What is known of `L` channels.
    type Lanes<const L: usize>;

    fn start<const L: usize>(&self, at: usize) -> Self::Lanes<L>;
    /// What is stored in place of a result.
    fn map<const L: usize>(&self, simd: Simd, lanes: &Self::Lanes<L>, x: [f32; L]) -> [f32; L];
    /// Takes note of a value that was stored.
    fn note<const L: usize>(&self, simd: Simd, lanes: &mut Self::Lanes<L>, stored: [f32; L]);
    /// Ends a block of a few values, at most 32.
    fn finish<const L: usize>(&mut self, lanes: Self::Lanes<L>, at: usize);
}
