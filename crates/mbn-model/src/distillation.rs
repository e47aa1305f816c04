//! Learning from another network's answers beside the labels.

use candle_core::{D, Result, Tensor};
use mbn_ops::CrossEntropy;

use crate::loss::{log_softmax, soft_cross_entropy};

/// How much a network learns from a teacher's answers, and how soft they are (Hinton et al. 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// Share of the teacher in the loss, 0 to 1.
    pub weight: f64,
    /// What logits are divided by, above 0: the larger, the more the unlikely classes count.
    pub temperature: f64,
}

impl Distillation {
    /// `loss`, computed from `logits` `[N, K]`, with the share of the teacher, whose logits for the same images are `teacher`
    /// `[N, K]`: `(1 - weight) loss + weight T^2 KL(softmax(teacher / T) || softmax(logits / T))`, the divergence being the
    /// mean over the images. `weights`, `[N]`, with a mean of 1, weigh the images in it.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn blend(
        &self,
        loss: CrossEntropy,
        logits: &Tensor,
        teacher: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<CrossEntropy> {
        let Self { weight, temperature } = *self;
        let log_targets = log_softmax(&(teacher.detach() / temperature)?)?;
        let mut targets = log_targets.exp()?;
        if let Some(weights) = weights {
            targets = targets.broadcast_mul(&weights.unsqueeze(1)?)?;
        }
        let soft = soft_cross_entropy(&(logits.detach() / temperature)?, &targets)?;
        // The divergence is the cross entropy less the entropy of the targets.
        let entropy = (targets * log_targets)?.sum(D::Minus1)?.mean_all()?.neg()?;
        let divergence = (soft.mean - entropy)?;
        // The gradient with respect to the logits has one factor of T less than the loss.
        let gradient = (soft.gradient * (weight * temperature))?;
        Ok(CrossEntropy {
            mean: ((loss.mean * (1.0 - weight))? + (divergence * (weight * temperature * temperature))?)?,
            gradient: ((loss.gradient * (1.0 - weight))? + gradient)?,
            predicted: loss.predicted,
        })
    }
}

#[cfg(test)]
mod tests;
