//! Loss, accuracy, confusion matrix and worst mistakes on the test set.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use mbn_cli::{interrupt, progress};
use mbn_data::{Batch, Loader, Unusable};
use mbn_model::{InferenceNetwork, Scores, scores};
use mbn_weights::Weights;

use crate::data::usable;
use crate::run::Mistake;

/// Number of mistakes that are kept, the most confident ones.
const MISTAKES: usize = 24;

/// The network's results on a labelled set.
pub(crate) struct Evaluation {
    /// Mean cross entropy.
    pub loss: f64,
    /// Images by true class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
    /// The most confident mistakes, most confident first.
    pub mistakes: Vec<Mistake>,
    /// Images that could not be used.
    pub unusable: Vec<Unusable>,
}

impl Evaluation {
    /// Per cent of the images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.confusion.iter().enumerate().map(|(i, row)| row[i]).sum();
        let total: u64 = self.confusion.iter().flatten().sum();
        100.0 * right as f64 / total.max(1) as f64
    }
}

/// Runs the folded network over the batches of `loader`; `None` if the user stopped it. `folder` is the run's, for the hint
/// if an image cannot be read.
pub(crate) fn evaluate(
    weights: &Weights,
    loader: &Loader,
    device: &Device,
    folder: &Path,
) -> Result<Option<Evaluation>> {
    let network = InferenceNetwork::new(&weights.fold(), device)?;
    let mut tally = Tally::new(weights.architecture().classes);
    let bar = progress::bar(
        loader.samples_per_epoch() as u64,
        "  testing {wide_bar} {pos}/{len}",
    );
    let size = loader.config().preprocess.size;
    let mut unusable = Vec::new();
    let mut pending: Option<Pending> = None;
    for batch in loader.epoch(0) {
        if interrupt::requested() {
            bar.finish_and_clear();
            return Ok(None);
        }
        let mut batch = usable(batch, folder)?;
        unusable.append(&mut batch.unusable);
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
    ensure!(tally.images > 0, "no test image can be used any more");
    Ok(Some(Evaluation {
        unusable,
        loss: tally.loss / tally.images as f64,
        confusion: tally.confusion,
        mistakes: tally.mistakes,
    }))
}

/// Results of a batch that the device may still be computing.
struct Pending {
    indices: Vec<usize>,
    labels: Vec<u32>,
    scores: Scores,
}

impl Pending {
    fn start(network: &InferenceNetwork, batch: Batch, size: usize) -> Result<Self> {
        let device = network.device();
        let images = Tensor::from_vec(batch.images, (batch.labels.len(), 3, size, size), device)?;
        let logits = network.forward(&images)?;
        let labels = Tensor::new(batch.labels.as_slice(), device)?;
        Ok(Self {
            scores: scores(&logits, &labels)?,
            indices: batch.indices,
            labels: batch.labels,
        })
    }
}

/// Sums over batches.
struct Tally {
    /// Sum of the images' losses.
    loss: f64,
    images: usize,
    confusion: Vec<Vec<u64>>,
    mistakes: Vec<Mistake>,
}

impl Tally {
    fn new(classes: usize) -> Self {
        Self {
            loss: 0.0,
            images: 0,
            confusion: vec![vec![0; classes]; classes],
            mistakes: Vec::new(),
        }
    }

    fn add(&mut self, batch: &Pending) -> Result<()> {
        let (n, scores) = (batch.labels.len(), &batch.scores);
        self.loss += f64::from(scores.loss.to_scalar::<f32>()?) * n as f64;
        self.images += n;
        let (predicted, probabilities) = (
            scores.predicted.to_vec1::<u32>()?,
            scores.probability.to_vec1::<f32>()?,
        );
        let rows = batch.indices.iter().zip(&batch.labels);
        for ((&image, &label), (predicted, probability)) in rows.zip(predicted.into_iter().zip(probabilities))
        {
            self.confusion[label as usize][predicted as usize] += 1;
            if label != predicted {
                self.mistakes.push(Mistake {
                    image,
                    label,
                    predicted,
                    probability,
                });
            }
        }
        // The sort is stable, so that images with the same probability keep their order.
        self.mistakes
            .sort_by(|a, b| b.probability.total_cmp(&a.probability));
        self.mistakes.truncate(MISTAKES);
        Ok(())
    }
}
