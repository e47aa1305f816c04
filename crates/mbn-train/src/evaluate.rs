//! Accuracy, loss and confusion on the test set.

use anyhow::Result;
use candle_core::{Device, Tensor};
use mbn_cli::progress;
use mbn_data::Loader;
use mbn_model::{InferenceNetwork, cross_entropy};
use mbn_spec::Weights;

/// What the network makes of a labelled set.
pub(crate) struct Evaluation {
    /// Mean cross entropy.
    pub loss: f64,
    /// Images by true class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
}

impl Evaluation {
    /// Per cent of the images whose class was predicted.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.confusion.iter().enumerate().map(|(i, row)| row[i]).sum();
        let total: u64 = self.confusion.iter().flatten().sum();
        100.0 * right as f64 / total.max(1) as f64
    }
}

/// Runs the folded network over the batches of `loader`.
pub(crate) fn evaluate(weights: &Weights, loader: &Loader, device: &Device) -> Result<Evaluation> {
    let network = InferenceNetwork::new(&weights.fold(), device)?;
    let classes = weights.architecture().classes;
    let mut confusion = vec![vec![0; classes]; classes];
    let mut loss = 0.0;
    let mut images = 0;
    let bar = progress::bar(
        loader.samples_per_epoch() as u64,
        "  testing {wide_bar} {pos}/{len}",
    );
    let size = loader.config().preprocess.size;
    for batch in loader.epoch(0) {
        let batch = batch?;
        let n = batch.labels.len();
        let input = Tensor::from_vec(batch.images, (n, 3, size, size), device)?;
        let logits = network.forward(&input)?;
        let labels = Tensor::new(batch.labels.as_slice(), device)?;
        loss += f64::from(cross_entropy(&logits, &labels, 0.0)?.to_scalar::<f32>()?) * n as f64;
        for (label, predicted) in batch.labels.iter().zip(predictions(&logits)?) {
            confusion[*label as usize][predicted as usize] += 1;
        }
        images += n;
        bar.inc(n as u64);
    }
    bar.finish_and_clear();
    Ok(Evaluation {
        loss: loss / images.max(1) as f64,
        confusion,
    })
}

/// The class of the largest logit of each row.
pub(crate) fn predictions(logits: &Tensor) -> Result<Vec<u32>> {
    Ok(logits.argmax(candle_core::D::Minus1)?.to_vec1()?)
}
