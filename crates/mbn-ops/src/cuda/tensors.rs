//! candle's tensors as the kernels' pointers.

use candle_core::{Result, Tensor};

use super::launch::pointer;
use crate::kernels::{LazyActivationPointers, ParameterGradientPointers, Pointer, UpstreamPointers};
use crate::operands::layer::{LazyActivation, ParameterGradients, Upstream};

pub(super) fn activation(op: &str, activation: LazyActivation) -> Result<LazyActivationPointers> {
    Ok(LazyActivationPointers {
        raw: pointer(op, activation.raw)?,
        constants: pointer(op, &activation.normalization.constants)?,
        max: activation.normalization.max,
    })
}

pub(super) fn upstream(op: &str, upstream: Upstream) -> Result<UpstreamPointers> {
    Ok(UpstreamPointers {
        activation: activation(op, upstream.activation)?,
        gradient: pointer(op, upstream.gradient)?,
        parameters: addresses(op, upstream.parameters)?,
    })
}

fn addresses(op: &str, gradients: &ParameterGradients) -> Result<ParameterGradientPointers> {
    let [gamma, beta] = pointers(op, [&gradients.gamma, &gradients.beta])?;
    Ok(ParameterGradientPointers { gamma, beta })
}

/// The addresses of several tensors.
pub(super) fn pointers<const N: usize>(op: &str, tensors: [&Tensor; N]) -> Result<[Pointer; N]> {
    let mut pointers = [0; N];
    for (address, tensor) in pointers.iter_mut().zip(tensors) {
        *address = pointer(op, tensor)?;
    }
    Ok(pointers)
}
