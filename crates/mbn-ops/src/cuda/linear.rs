//! The classifier on CUDA.

use candle_core::{Result, Tensor};

use super::allocation::filled;
use super::queue::Queue;
use super::tensors::pointers;
use crate::descriptors::linear::{NAME, backward, forward};
use crate::kernels;
use crate::operands::linear::LinearGradients;

/// As [`crate::linear`].
pub(crate) fn linear(features: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let [n, c, k] = forward(features, weight, bias)?;
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
    let [n, c, k] = backward(gradient, features, weight)?;
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
