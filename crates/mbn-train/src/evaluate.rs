//! Accuracy, loss, confusion and worst mistakes on the test set.

use anyhow::Result;
use candle_core::{D, Device, Tensor};
use candle_nn::ops::softmax;
use mbn_cli::{interrupt, progress};
use mbn_data::Loader;
use mbn_model::{InferenceNetwork, cross_entropy};
use mbn_spec::Weights;
use serde::{Deserialize, Serialize};

/// Mistakes that are kept, the most confident ones.
const MISTAKES: usize = 24;

/// What the network makes of a labelled set.
pub(crate) struct Evaluation {
    /// Mean cross entropy.
    pub loss: f64,
    /// Images by true class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
    /// The most confident mistakes, the worst first.
    pub mistakes: Vec<Mistake>,
}

/// An image that was taken for another class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mistake {
    /// Its index in the test set.
    pub image: usize,
    pub label: u32,
    pub predicted: u32,
    /// Of the predicted class.
    pub probability: f32,
}

impl Evaluation {
    /// Per cent of the images whose class was predicted.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.confusion.iter().enumerate().map(|(i, row)| row[i]).sum();
        let total: u64 = self.confusion.iter().flatten().sum();
        100.0 * right as f64 / total.max(1) as f64
    }
}

/// Runs the folded network over the batches of `loader`; `None` if the user stopped it.
pub(crate) fn evaluate(weights: &Weights, loader: &Loader, device: &Device) -> Result<Option<Evaluation>> {
    let network = InferenceNetwork::new(&weights.fold(), device)?;
    let classes = weights.architecture().classes;
    let mut confusion = vec![vec![0; classes]; classes];
    let mut mistakes = Vec::new();
    let mut loss = 0.0;
    let mut images = 0;
    let bar = progress::bar(
        loader.samples_per_epoch() as u64,
        "  testing {wide_bar} {pos}/{len}",
    );
    let size = loader.config().preprocess.size;
    for batch in loader.epoch(0) {
        if interrupt::requested() {
            bar.finish_and_clear();
            return Ok(None);
        }
        let batch = batch?;
        let n = batch.labels.len();
        let input = Tensor::from_vec(batch.images, (n, 3, size, size), device)?;
        let logits = network.forward(&input)?;
        let labels = Tensor::new(batch.labels.as_slice(), device)?;
        loss += f64::from(cross_entropy(&logits, &labels, 0.0)?.to_scalar::<f32>()?) * n as f64;
        let probabilities = softmax(&logits, D::Minus1)?.max(D::Minus1)?.to_vec1::<f32>()?;
        let rows = batch.indices.iter().zip(&batch.labels);
        for ((&image, &label), (predicted, probability)) in
            rows.zip(predictions(&logits)?.into_iter().zip(probabilities))
        {
            confusion[label as usize][predicted as usize] += 1;
            if label != predicted {
                mistakes.push(Mistake {
                    image,
                    label,
                    predicted,
                    probability,
                });
            }
        }
        // The sort is stable: of equals the first image stays first.
        mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        mistakes.truncate(MISTAKES);
        images += n;
        bar.inc(n as u64);
    }
    bar.finish_and_clear();
    Ok(Some(Evaluation {
        loss: loss / images.max(1) as f64,
        confusion,
        mistakes,
    }))
}

/// The class of the largest logit of each row.
pub(crate) fn predictions(logits: &Tensor) -> Result<Vec<u32>> {
    Ok(logits.argmax(D::Minus1)?.to_vec1()?)
}
