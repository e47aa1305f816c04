//! Loss, accuracy, confusion matrix and mistakes on the test set.

mod sum;
mod tally;

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::Device;
use mbn_cli::{interrupt, progress};
use mbn_data::{Loader, Unusable};
use mbn_model::InferenceNetwork;
use mbn_plot::Confusion;
use mbn_weights::Weights;

use self::tally::{Pending, Tally};
use crate::data::usable;
use crate::ranks::Ranks;
use crate::run::Mistake;

/// The network's results on a labelled set.
pub(crate) struct Evaluation {
    /// Mean cross entropy.
    pub loss: f64,
    /// Images by true class and predicted class.
    pub confusion: Confusion,
    /// The mistakes, most confident first.
    pub mistakes: Vec<Mistake>,
    /// Images that could not be used.
    pub unusable: Vec<Unusable>,
}

impl Evaluation {
    /// Per cent of the images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        100.0 * self.confusion.right() as f64 / self.confusion.images().max(1) as f64
    }
}

/// Runs the folded network over the batches of `loader`, or each rank over its parts of them; `None` if the user stopped it.
/// `folder` is the run's, for the hint if an image cannot be read.
pub(crate) fn evaluate(
    weights: &Weights,
    loader: &Loader,
    device: &Device,
    folder: &Path,
    ranks: &Ranks,
) -> Result<Option<Evaluation>> {
    let own = of_this_rank(weights, loader, device, folder);
    let Some(tally) = sum::over_ranks(ranks, own)? else {
        return Ok(None);
    };
    if tally.images == 0 {
        ranks.all_fail();
        bail!("no test image can be used any more");
    }
    Ok(Some(Evaluation {
        loss: tally.loss / tally.images as f64,
        confusion: tally.confusion,
        mistakes: tally.mistakes,
        unusable: tally.unusable,
    }))
}

/// The results on this rank's images; `None` if the user stopped it.
fn of_this_rank(weights: &Weights, loader: &Loader, device: &Device, folder: &Path) -> Result<Option<Tally>> {
    let network = InferenceNetwork::new(&weights.fold(), device)?;
    let mut tally = Tally::new(weights.architecture().classes);
    let bar = progress::bar(
        loader.samples_per_epoch() as u64,
        "  testing {wide_bar} {pos}/{len}",
    );
    let size = loader.config().preprocess.size;
    let mut pending: Option<Pending> = None;
    for batch in loader.epoch(0) {
        if interrupt::requested() {
            bar.finish_and_clear();
            return Ok(None);
        }
        let mut batch = usable(batch, folder)?;
        tally.unusable.append(&mut batch.unusable);
        if batch.labels.is_empty() {
            continue;
        }
        // Results are read when the device already works on the next batch.
        let next = Pending::start(&network, batch, size)?;
        if let Some(batch) = pending.replace(next) {
            bar.inc(batch.labels.len() as u64);
            tally.add(&batch)?;
        }
    }
    if let Some(last) = pending {
        tally.add(&last)?;
    }
    bar.finish_and_clear();
    tally.sort_mistakes();
    Ok(Some(tally))
}
