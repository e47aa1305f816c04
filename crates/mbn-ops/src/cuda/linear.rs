//! The classifier on CUDA.

use candle_core::{DType, Result, Tensor};

use super::launch::empty;
use super::queue::Queue;
use super::tensors::pointers;
use crate::gpu;
use crate::launch::{expect_shape, expect_type};
use crate::linear::LinearGradients;

const NAME: &str = "linear";

/// As [`crate::linear`].
pub(crate) fn linear(features: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let [n, c, k] = extent(features, weight)?;
    expect_shape(NAME, "bias", bias, &[k])?;
    expect_type(NAME, bias, DType::F32)?;
    let logits = empty((n, k), features)?;
    let [x, w, b, out] = pointers(NAME, [features, weight, bias, &logits])?;
    let queue = Queue::of(features.device().as_cuda_device()?)?;
    gpu::linear(&queue.hold(), [n, c, k], x, [w, b], out)?;
    Ok(logits)
}

/// As [`crate::linear_backward`].
pub(crate) fn linear_backward(
    gradient: &Tensor,
    features: &Tensor,
    weight: &Tensor,
) -> Result<LinearGradients> {
    let [n, c, k] = extent(features, weight)?;
    expect_shape(NAME, "the result's gradient", gradient, &[n, k])?;
    expect_type(NAME, gradient, DType::F32)?;
    let gradients = LinearGradients {
        features: empty((n, c), features)?,
        weight: empty((k, c), features)?,
        bias: empty(k, features)?,
    };
    let [dy, x, w] = pointers(NAME, [gradient, features, weight])?;
    let out = pointers(NAME, [&gradients.features, &gradients.weight, &gradients.bias])?;
    let queue = Queue::of(features.device().as_cuda_device()?)?;
    gpu::linear_backward(&queue.hold(), [n, c, k], dy, x, w, out)?;
    Ok(gradients)
}

/// Rows, features and classes.
fn extent(features: &Tensor, weight: &Tensor) -> Result<[usize; 3]> {
    let ((n, c), (k, _)) = (features.dims2()?, weight.dims2()?);
    expect_shape(NAME, "weight", weight, &[k, c])?;
    for tensor in [features, weight] {
        expect_type(NAME, tensor, DType::F32)?;
    }
    Ok([n, c, k])
}
