//! Sums over all ranks within the passes of one step, for batch norm over the whole batch.

use std::cell::{Cell, RefCell};

use anyhow::{Error, Result};
use candle_core::bail;
use mbn_model::{Network, SumOverRanks};

use crate::ranks::Ranks;

/// The sums of one step, in their order. A rank that has no images, or whose step fails, makes those that are left with zeros: the
/// others need not know before the step's last sum, and nobody waits for it.
pub(super) struct BatchNormSums<'a> {
    ranks: &'a Ranks,
    lengths: Vec<usize>,
    done: Cell<usize>,
    /// Why the ranks cannot reach each other.
    lost: RefCell<Option<Error>>,
}

impl<'a> BatchNormSums<'a> {
    pub fn new(ranks: &'a Ranks, network: &Network) -> Self {
        Self {
            ranks,
            lengths: network.sums_over_ranks(),
            done: Cell::new(0),
            lost: RefCell::new(None),
        }
    }

    /// Makes the sums that are left.
    pub fn finish(self) -> Result<()> {
        if let Some(error) = self.lost.into_inner() {
            return Err(error);
        }
        for length in &self.lengths[self.done.get()..] {
            self.ranks.sum_f64(&mut vec![0.0; *length])?;
        }
        Ok(())
    }
}

impl SumOverRanks for BatchNormSums<'_> {
    fn sum(&self, values: &mut [f64]) -> candle_core::Result<()> {
        let done = self.done.get();
        if self.lengths.get(done) != Some(&values.len()) {
            bail!(
                "sum {done} of batch norm has {} values; this step has sums of {:?}",
                values.len(),
                self.lengths
            )
        }
        if let Err(error) = self.ranks.sum_f64(values) {
            let message = error.to_string();
            self.lost.replace(Some(error));
            bail!("{message}")
        }
        self.done.set(done + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
