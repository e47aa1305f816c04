//! What training minimises, and how well a network classifies.

use candle_core::{D, Result, Tensor, Var, bail};
use candle_nn::ops::softmax;
use mbn_ops::{CrossEntropy, Scores};

/// Mean cross entropy of `logits` `[N, K]` against class indices `labels` `[N]` (U32), with label smoothing
/// (Szegedy et al. 2016, section 7): the target is `1 - smoothing` on the label plus `smoothing / K` on every
/// class.
///
/// # Errors
/// If the shapes do not fit or a label is not below `K`; on CUDA such a label makes the loss NaN.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<CrossEntropy> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return mbn_ops::cross_entropy(logits, labels, smoothing as f32);
    }
    differentiated(logits, |logits| mean_loss(logits, labels, smoothing))
}

/// Mean cross entropy of `logits` `[N, K]` against `targets` `[N, K]` (F32): rows of probabilities, as from mixed pictures
/// or smoothed labels. A row's sum is its weight.
///
/// # Errors
/// If the shapes do not fit.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<CrossEntropy> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return mbn_ops::soft_cross_entropy(logits, targets);
    }
    differentiated(logits, |logits| {
        let log_probabilities = log_softmax(logits)?;
        (log_probabilities * targets)?.sum(D::Minus1)?.mean_all()?.neg()
    })
}

/// Mean cross entropy of `logits` `[N, K]` against class indices `labels` `[N]` (U32), and the predicted classes with their
/// probabilities.
///
/// # Errors
/// If the shapes do not fit or a label is not below `K`; on CUDA such a label makes the loss NaN.
pub fn scores(logits: &Tensor, labels: &Tensor) -> Result<Scores> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return mbn_ops::scores(logits, labels);
    }
    Ok(Scores {
        loss: mean_loss(logits, labels, 0.0)?,
        predicted: logits.argmax(D::Minus1)?,
        probability: softmax(logits, D::Minus1)?.max(D::Minus1)?,
    })
}

fn mean_loss(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let log_probabilities = log_softmax(logits)?;
    let of_label = log_probabilities.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    let loss = (of_label * (smoothing - 1.0))?;
    if smoothing == 0.0 {
        return Ok(loss);
    }
    loss - (log_probabilities.mean_all()? * smoothing)?
}

/// Logarithms of the softmax of `logits`, `[N, K]`. The largest logit is subtracted as a constant, unlike in candle's own
/// function: its gradient is the sum of all others', which is zero but for rounding, and with a thousand classes that rounding
/// came to 4e-4 of the largest gradient.
pub(crate) fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let largest = logits.max_keepdim(D::Minus1)?.detach();
    let shifted = logits.broadcast_sub(&largest)?;
    let sum = shifted.exp()?.sum_keepdim(D::Minus1)?;
    shifted.broadcast_sub(&sum.log()?)
}

/// A loss with its gradient by candle.
fn differentiated(logits: &Tensor, loss: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<CrossEntropy> {
    let logits = Var::from_tensor(&logits.detach())?;
    let mean = loss(&logits)?;
    let mut gradients = mean.backward()?;
    let Some(gradient) = gradients.remove(&logits) else {
        bail!("the loss does not depend on the logits")
    };
    Ok(CrossEntropy {
        mean: mean.detach(),
        gradient,
        predicted: logits.detach().argmax(D::Minus1)?,
    })
}

/// `weights` divided by the mean of `rows`, the weights of the rows of a batch. Targets whose rows sum to `rows` make
/// [`soft_cross_entropy`] divide by the number of rows; with weights that are relative to their mean it divides by their sum, as
/// `torch.nn.functional.cross_entropy` does with class weights.
///
/// With smoothing PyTorch weighs the classes within a target: the small share of a rare class becomes large, which changes what the
/// network learns. Here a label weighs the whole of its smoothed target.
pub fn relative_weights(weights: &[f32], rows: &[f32]) -> Vec<f32> {
    let total: f64 = rows.iter().map(|weight| f64::from(*weight)).sum();
    let mean = total / rows.len() as f64;
    let relative = |weight: &f32| (f64::from(*weight) / mean) as f32;
    weights.iter().map(relative).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// `torch.nn.functional.cross_entropy(torch.tensor([[1., 2., 3.], [1., -1., 0.5]]), torch.tensor([2, 1]),
    /// label_smoothing=s)` for s = 0 and 0.1.
    #[test]
    fn agrees_with_pytorch() {
        let logits = Tensor::new(&[[1f32, 2.0, 3.0], [1.0, -1.0, 0.5]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[2u32, 1], &Device::Cpu).unwrap();
        for (smoothing, expected) in [(0.0, 1.481_281_4), (0.1, 1.472_948_1)] {
            let loss = cross_entropy(&logits, &labels, smoothing).unwrap().mean;
            let loss = loss.to_scalar::<f32>().unwrap();
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
        }
    }

    /// `torch.softmax(torch.tensor([[1., 2., 3.], [1., -1., 1.]]), 1).max(1)`; of two classes with the same logit the first.
    #[test]
    fn scores_are_the_most_probable_classes() {
        let logits = Tensor::new(&[[1f32, 2.0, 3.0], [1.0, -1.0, 1.0]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[2u32, 1], &Device::Cpu).unwrap();
        let found = scores(&logits, &labels).unwrap();
        assert_eq!(found.predicted.to_vec1::<u32>().unwrap(), [2, 0]);
        let probability = found.probability.to_vec1::<f32>().unwrap();
        for (found, expected) in probability.into_iter().zip([0.665_240_9, 0.468_310_5]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        let trained = cross_entropy(&logits, &labels, 0.0).unwrap();
        assert_eq!(trained.predicted.to_vec1::<u32>().unwrap(), [2, 0]);
        let losses = [found.loss, trained.mean].map(|loss| loss.to_scalar::<f32>().unwrap());
        assert_eq!(losses[0], losses[1]);
    }

    /// `torch.nn.functional.cross_entropy(torch.tensor([[1., 2., 3.], [1., -1., 0.5]]), targets)` with targets
    /// `[[0.2, 0, 0.8], [0, 1, 0]]`; and with class indices `[2, 1]` and `weight=torch.tensor([1., 2., 0.5])`.
    #[test]
    fn soft_targets_and_class_weights_agree_with_pytorch() {
        let tensor = |rows: [[f32; 3]; 2]| Tensor::new(&rows, &Device::Cpu).unwrap();
        let logits = tensor([[1.0, 2.0, 3.0], [1.0, -1.0, 0.5]]);
        let loss = |targets: &Tensor| {
            let loss = soft_cross_entropy(&logits, targets).unwrap().mean;
            loss.to_scalar::<f32>().unwrap()
        };
        let mixed = loss(&tensor([[0.2, 0.0, 0.8], [0.0, 1.0, 0.0]]));
        assert!((mixed - 1.6812814).abs() < 1e-5, "{mixed}");
        let one_hot = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]];
        // The rows have the weights of classes 2 and 1.
        let relative = relative_weights(&[1.0, 2.0, 0.5], &[0.5, 2.0]);
        let weighted = loss(&tensor([[0.0, 0.0, relative[2]], [0.0, relative[1], 0.0]]));
        assert!((weighted - 2.1254867).abs() < 1e-5, "{weighted}");
        // Smoothed targets give what smoothing gives.
        let labels = Tensor::new(&[2u32, 1], &Device::Cpu).unwrap();
        let smoothed = ((tensor(one_hot) * 0.9).unwrap() + 0.1 / 3.0).unwrap();
        let expected = cross_entropy(&logits, &labels, 0.1).unwrap().mean;
        let expected = expected.to_scalar::<f32>().unwrap();
        assert!((loss(&smoothed) - expected).abs() < 1e-5);
        // The weights of the rows themselves have a mean of 1.
        assert_eq!(relative_weights(&[0.5, 2.0], &[0.5, 2.0]), [0.4, 1.6]);
    }
}
