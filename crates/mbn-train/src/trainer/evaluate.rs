//! Loss, accuracy, confusion matrix and mistakes on the test set.

mod sum;
mod tally;

use std::path::Path;

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use mbn_cli::{interrupt, progress};
use mbn_data::{Loader, Unusable};
use mbn_model::InferenceNetwork;
use mbn_plot::Confusion;
use mbn_weights::Weights;

use self::tally::{Pending, Tally};
use crate::data::usable;
use crate::ranks::Ranks;
use crate::run::Mistake;

/// Gives the logits of a batch of images.
type Classify<'a> = dyn FnMut(&Tensor) -> candle_core::Result<Tensor> + 'a;

/// A network that is tested.
pub(crate) struct Tested<'a> {
    classify: Box<Classify<'a>>,
    classes: usize,
    device: Device,
}

impl<'a> Tested<'a> {
    /// What `classify` makes of images on `device`.
    pub fn new(
        classify: impl FnMut(&Tensor) -> candle_core::Result<Tensor> + 'a,
        classes: usize,
        device: &Device,
    ) -> Self {
        Self {
            classify: Box::new(classify),
            classes,
            device: device.clone(),
        }
    }

    /// The folded network of `weights`.
    pub fn of(weights: &Weights, device: &Device) -> Result<Self> {
        let network = InferenceNetwork::new(&weights.fold(), device)?;
        let classes = weights.architecture().classes;
        Ok(Self::new(move |images| network.forward(images), classes, device))
    }
}

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

/// Runs the network, if this rank could make it, over the batches of `loader`, or each rank over its parts of them; `None` if the user
/// stopped it. `folder` is the run's, for the hint if an image cannot be read.
pub(crate) fn evaluate(
    network: Result<Tested<'_>>,
    loader: &Loader,
    folder: &Path,
    ranks: &Ranks,
) -> Result<Option<Evaluation>> {
    let own = network.and_then(|network| of_this_rank(network, loader, folder));
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
fn of_this_rank(mut network: Tested<'_>, loader: &Loader, folder: &Path) -> Result<Option<Tally>> {
    let mut tally = Tally::new(network.classes);
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
        let next = Pending::start(&mut network, batch, size)?;
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
