//! Learning from another network's answers beside the labels.

use candle_core::{D, DType, Result, Tensor};
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
        let mut targets = log_softmax(&(teacher.detach() / temperature)?)?.exp()?;
        if let Some(weights) = weights {
            targets = targets.broadcast_mul(&weights.unsqueeze(1)?)?;
        }
        let soft = soft_cross_entropy(&(logits.detach() / temperature)?, &targets)?;
        let divergence = divergence(logits, teacher, temperature, weights)?;
        let share = (divergence * (weight * temperature * temperature))?.to_dtype(loss.mean.dtype())?;
        // The gradient with respect to the logits has one factor of T less than the loss.
        let gradient = (soft.gradient * (weight * temperature))?;
        Ok(CrossEntropy {
            mean: ((loss.mean * (1.0 - weight))? + share)?,
            gradient: ((loss.gradient * (1.0 - weight))? + gradient)?,
            predicted: loss.predicted,
        })
    }
}

/// `KL(softmax(teacher / T) || softmax(logits / T))`, the mean over the images, weighed by `weights`: a scalar in float64.
///
/// At a high temperature both distributions are nearly uniform, and the divergence is about 1 / T^2 of their entropies. The cross
/// entropy less the entropy in float32, times T^2, was rounding alone: at T = 1000 a multiple of 0.12.
fn divergence(
    logits: &Tensor,
    teacher: &Tensor,
    temperature: f64,
    weights: Option<&Tensor>,
) -> Result<Tensor> {
    let soft = |logits: &Tensor| log_softmax(&(logits.detach().to_dtype(DType::F64)? / temperature)?);
    let (own, target) = (soft(logits)?, soft(teacher)?);
    // An image's divergence is negative by rounding only. `abs` keeps NaN, which a maximum loses on some devices.
    let mut rows = (target.exp()? * (target - own)?)?.sum(D::Minus1)?.abs()?;
    if let Some(weights) = weights {
        rows = (rows * weights.to_dtype(DType::F64)?)?;
    }
    rows.mean_all()
}

#[cfg(test)]
mod tests;
