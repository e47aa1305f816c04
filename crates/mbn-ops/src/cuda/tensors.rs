//! candle's tensors as the kernels' pointers.

use candle_core::{DType, Result, Tensor};

use super::launch::{pointer, type_of};
use crate::kernels::{
    ElementType, LazyActivationPointers, ParameterGradientPointers, Pointer, UpstreamPointers,
};
use crate::operands::layer::{LazyActivation, ParameterGradients, Upstream};

/// An activation of the type with which the kernel is launched.
pub(super) fn activation(
    op: &str,
    activation: LazyActivation,
    element: ElementType,
) -> Result<LazyActivationPointers> {
    Ok(LazyActivationPointers {
        raw: pointer(op, activation.raw, type_of(element))?,
        constants: pointer(op, &activation.normalization.constants, DType::F32)?,
        max: activation.normalization.max,
    })
}

pub(super) fn upstream(op: &str, upstream: Upstream, element: ElementType) -> Result<UpstreamPointers> {
    Ok(UpstreamPointers {
        activation: activation(op, upstream.activation, element)?,
        gradient: pointer(op, upstream.gradient, type_of(element))?,
        parameters: addresses(op, upstream.parameters)?,
    })
}

fn addresses(op: &str, gradients: &ParameterGradients) -> Result<ParameterGradientPointers> {
    let [gamma, beta] = pointers(op, [&gradients.gamma, &gradients.beta])?;
    Ok(ParameterGradientPointers { gamma, beta })
}

/// The addresses of several tensors of float32.
pub(super) fn pointers<const N: usize>(op: &str, tensors: [&Tensor; N]) -> Result<[Pointer; N]> {
    let mut pointers = [0; N];
    for (address, tensor) in pointers.iter_mut().zip(tensors) {
        *address = pointer(op, tensor, DType::F32)?;
    }
    Ok(pointers)
}
