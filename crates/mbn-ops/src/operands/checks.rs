//! Whether tensors fit an operation.

use std::ops::Range;

use candle_core::{DType, Layout, Result, Tensor, bail};

/// The elements of a contiguous tensor in its storage.
pub(crate) fn contiguous(layout: &Layout, op: &str) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("{op}: a tensor is not contiguous"),
    }
}

/// An error unless `tensor` has the given shape.
pub(crate) fn expect_shape(op: &str, name: &str, tensor: &Tensor, shape: &[usize]) -> Result<()> {
    if tensor.dims() != shape {
        bail!("{op}: {name} has shape {:?}, expected {shape:?}", tensor.dims());
    }
    Ok(())
}

/// An error unless `tensor` is of type `dtype`, which has to be one that activations can have.
pub(crate) fn expect_type(op: &str, tensor: &Tensor, dtype: DType) -> Result<()> {
    if !matches!(dtype, DType::F32 | DType::BF16) {
        bail!("{op}: activations are {dtype:?}, expected F32 or BF16");
    }
    if tensor.dtype() != dtype {
        bail!("{op}: a tensor is {:?}, expected {dtype:?}", tensor.dtype());
    }
    Ok(())
}
