//! What training minimises.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::log_softmax;

/// Mean cross entropy of `logits` `[N, K]` against class indices `labels` `[N]` (U32), with label smoothing
/// (Szegedy et al. 2016, section 7): the target is `1 - smoothing` on the label plus `smoothing / K` on every
/// class.
///
/// # Errors
/// If the shapes do not fit or a label is not below `K`; on CUDA such a label makes the loss not a number.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return mbn_ops::cross_entropy(logits, labels, smoothing as f32);
    }
    let log_probabilities = log_softmax(logits, D::Minus1)?;
    let of_label = log_probabilities.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    let loss = (of_label * (smoothing - 1.0))?;
    if smoothing == 0.0 {
        return Ok(loss);
    }
    loss - (log_probabilities.mean_all()? * smoothing)?
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
            let loss = cross_entropy(&logits, &labels, smoothing)
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
        }
    }
}
