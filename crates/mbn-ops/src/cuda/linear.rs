//! The classifier on CUDA.

use candle_core::{DType, Result, Tensor};

use super::allocation::filled;
use super::queue::Queue;
use super::tensors::pointers;
use crate::kernels;
use crate::operands::checks::{expect_shape, expect_type};
use crate::operands::linear::LinearGradients;

const NAME: &str = "linear";

/// As [`crate::linear`].
pub(crate) fn linear(features: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let [n, c, k] = extent(features, weight)?;
    expect_shape(NAME, "bias", bias, &[k])?;
    expect_type(NAME, bias, DType::F32)?;
    let [x, w, b] = pointers(NAME, [features, weight, bias])?;
    let queue = Queue::of(features.device().as_cuda_device()?)?;
    let ([logits], ()) = filled(NAME, features.device(), [(n, k).into()], |[logits]| {
        kernels::linear(&queue.hold(), [n, c, k], x, [w, b], logits)
    })?;
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
    let [dy, x, w] = pointers(NAME, [gradient, features, weight])?;
    let queue = Queue::of(features.device().as_cuda_device()?)?;
    let shapes = [(n, c).into(), (k, c).into(), k.into()];
    let ([features, weight, bias], ()) = filled(NAME, features.device(), shapes, |out| {
        kernels::linear_backward(&queue.hold(), [n, c, k], dy, x, w, out)
    })?;
    Ok(LinearGradients {
        features,
        weight,
        bias,
    })
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
