//! candle's tensors as the operations' pointers.

use candle_core::{Result, Tensor};

use super::launch::{empty, pointer};
use crate::gpu::{self, Pointer};
use crate::{Activation, ParameterGradients, Upstream};

pub(crate) fn activation(op: &str, activation: Activation) -> Result<gpu::Activation> {
    Ok(gpu::Activation {
        raw: pointer(op, activation.raw)?,
        constants: pointer(op, &activation.normalization.constants)?,
        max: activation.normalization.max,
    })
}

pub(crate) fn upstream(op: &str, upstream: Upstream) -> Result<gpu::Upstream> {
    Ok(gpu::Upstream {
        activation: activation(op, upstream.activation)?,
        gradient: pointer(op, upstream.gradient)?,
        parameters: addresses(op, upstream.parameters)?,
    })
}

/// Gradients to be written by a kernel, and where.
pub(crate) fn new_gradients(
    op: &str,
    channels: usize,
    like: &Tensor,
) -> Result<(ParameterGradients, gpu::ParameterGradients)> {
    let gradients = ParameterGradients {
        gamma: empty(channels, like)?,
        beta: empty(channels, like)?,
    };
    let addresses = addresses(op, &gradients)?;
    Ok((gradients, addresses))
}

fn addresses(op: &str, gradients: &ParameterGradients) -> Result<gpu::ParameterGradients> {
    Ok(gpu::ParameterGradients {
        gamma: pointer(op, &gradients.gamma)?,
        beta: pointer(op, &gradients.beta)?,
    })
}

/// The addresses of several tensors.
pub(crate) fn pointers<const N: usize>(op: &str, tensors: [&Tensor; N]) -> Result<[Pointer; N]> {
    let mut pointers = [0; N];
    for (address, tensor) in pointers.iter_mut().zip(tensors) {
        *address = pointer(op, tensor)?;
    }
    Ok(pointers)
}
