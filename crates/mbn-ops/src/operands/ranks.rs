//! Batches whose parts are passed by several processes, the ranks, at the same time.

use candle_core::Result;

/// How the ranks add up what batch norm needs of the whole batch. All ranks ask for the same sums in the same order.
pub trait SumOverRanks {
    /// Replaces `values` by their sums over all ranks, which must be the same bit for bit on all of them.
    ///
    /// # Errors
    /// If the ranks cannot reach each other.
    fn sum(&self, values: &mut [f64]) -> Result<()>;
}
