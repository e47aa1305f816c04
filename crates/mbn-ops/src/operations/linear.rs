//! The classifier.

use candle_core::{Result, Tensor};

use crate::descriptors::linear::{backward, forward};
use crate::operands::linear::LinearGradients;

/// `features weight^T + bias`: `[N, C]`, `[K, C]` and `[K]` to `[N, K]`, all float32.
///
/// # Errors
/// If shapes or types do not fit, or on CUDA a tensor is not contiguous.
pub fn linear(features: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    forward(features, weight, bias)?;
    #[cfg(feature = "cuda")]
    if features.device().is_cuda() {
        return crate::cuda::linear(features, weight, bias);
    }
    features.matmul(&weight.t()?)?.broadcast_add(bias)
}

/// The gradients of [`linear`], given the gradient of its result, `[N, K]`, float32.
///
/// # Errors
/// If shapes or types do not fit, or on CUDA a tensor is not contiguous.
pub fn linear_backward(gradient: &Tensor, features: &Tensor, weight: &Tensor) -> Result<LinearGradients> {
    backward(gradient, features, weight)?;
    #[cfg(feature = "cuda")]
    if gradient.device().is_cuda() {
        return crate::cuda::linear_backward(gradient, features, weight);
    }
    Ok(LinearGradients {
        features: gradient.matmul(weight)?,
        weight: gradient.t()?.matmul(features)?,
        bias: gradient.sum(0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn is_its_definition() {
        let matrix = |rows: [[f32; 2]; 3]| Tensor::new(&rows, &Device::Cpu).unwrap();
        let (features, weight) = (
            Tensor::new(&[[1f32, 2.0]], &Device::Cpu).unwrap(),
            matrix([[1.0, 0.5], [0.0, 1.0], [2.0, -1.0]]),
        );
        let bias = Tensor::new(&[0f32, 10.0, 100.0], &Device::Cpu).unwrap();
        let logits = linear(&features, &weight, &bias).unwrap();
        assert_eq!(logits.to_vec2::<f32>().unwrap(), [[2.0, 12.0, 100.0]]);
        let gradient = Tensor::new(&[[1f32, 10.0, 100.0]], &Device::Cpu).unwrap();
        let found = linear_backward(&gradient, &features, &weight).unwrap();
        assert_eq!(found.features.to_vec2::<f32>().unwrap(), [[201.0, -89.5]]);
        let expected = [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]];
        assert_eq!(found.weight.to_vec2::<f32>().unwrap(), expected);
        assert_eq!(found.bias.to_vec1::<f32>().unwrap(), [1.0, 10.0, 100.0]);
    }
}
