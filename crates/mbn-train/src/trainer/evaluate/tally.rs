//! The results of batches, added up.

use anyhow::Result;
use candle_core::Tensor;
use mbn_data::{Batch, Unusable};
use mbn_model::{Scores, scores};
use mbn_plot::Confusion;

use super::Tested;
use crate::run::Mistake;

/// Results of a batch that the device may still be computing.
pub(super) struct Pending {
    indices: Vec<usize>,
    pub labels: Vec<u32>,
    scores: Scores,
}

impl Pending {
    pub fn start(network: &mut Tested<'_>, batch: Batch, size: usize) -> Result<Self> {
        let shape = (batch.labels.len(), 3, size, size);
        let images = Tensor::from_vec(batch.images, shape, &network.device)?;
        let logits = (network.classify)(&images)?;
        let labels = Tensor::new(batch.labels.as_slice(), &network.device)?;
        Ok(Self {
            scores: scores(&logits, &labels)?,
            indices: batch.indices,
            labels: batch.labels,
        })
    }
}

/// Sums over batches.
pub(super) struct Tally {
    /// Sum of the images' losses.
    pub loss: f64,
    pub images: usize,
    pub confusion: Confusion,
    pub mistakes: Vec<Mistake>,
    pub unusable: Vec<Unusable>,
}

impl Tally {
    pub fn new(classes: usize) -> Self {
        Self {
            loss: 0.0,
            images: 0,
            confusion: Confusion::new(classes),
            mistakes: Vec::new(),
            unusable: Vec::new(),
        }
    }

    pub fn add(&mut self, batch: &Pending) -> Result<()> {
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
            self.confusion.add(label as usize, predicted as usize, 1);
            if label != predicted {
                self.mistakes.push(Mistake {
                    image,
                    label,
                    predicted,
                    probability,
                });
            }
        }
        Ok(())
    }

    /// Puts the most confident mistakes first. Images with the same probability are in their order in the test set.
    pub fn sort_mistakes(&mut self) {
        self.mistakes.sort_by(|a, b| {
            b.probability
                .total_cmp(&a.probability)
                .then(a.image.cmp(&b.image))
        });
    }
}
