//! Sums over the ranks' devices.

use anyhow::Result;
use candle_core::Tensor;

/// Sums over the ranks' devices that do not go through the memory of the CPU.
pub(super) trait DeviceSums {
    /// What makes them, for messages.
    fn describe(&self) -> String;

    /// Replaces the vector `values` by the sums over all ranks, which are the same bit for bit on all of them.
    fn sum(&self, values: &Tensor) -> Result<()>;
}
