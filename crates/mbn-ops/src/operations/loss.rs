//! Sums over the steps of training.

use candle_core::{Result, Tensor};

use super::launch::launch;
use crate::descriptors::loss::Tally;

/// Adds a batch to `sums`, `[2]`, float32, in place: the sum of its losses, given their mean `loss`, a scalar, and the
/// number of images whose `predicted` class is their label, both `[N]`, U32.
///
/// # Errors
/// If shapes or types do not fit, a tensor is not contiguous, or `sums` shares its storage with another.
pub fn tally(loss: &Tensor, predicted: &Tensor, labels: &Tensor, sums: &Tensor) -> Result<()> {
    launch(&Tally::new(loss, predicted, labels, sums)?, sums)
}
