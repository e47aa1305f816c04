//! Whether tensors fit an operation.

use std::ops::Range;

use candle_core::{DType, Layout, Result, Storage, Tensor, bail};

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

/// An error unless `tensor` is of type `dtype`. Kernels on a GPU get addresses alone: what is not checked before, they read
/// as if it were of the type that they expect.
pub(crate) fn expect_type(op: &str, name: &str, tensor: &Tensor, dtype: DType) -> Result<()> {
    if tensor.dtype() != dtype {
        bail!("{op}: {name} is {:?}, expected {dtype:?}", tensor.dtype());
    }
    Ok(())
}

/// [`expect_type`] of float32 and [`expect_shape`], for tensors of one shape.
pub(crate) fn expect_floats(op: &str, tensors: &[(&str, &Tensor)], shape: &[usize]) -> Result<()> {
    for (name, tensor) in tensors {
        expect_shape(op, name, tensor, shape)?;
        expect_type(op, name, tensor, DType::F32)?;
    }
    Ok(())
}

/// An error unless `tensor` is of a type that activations can have.
pub(crate) fn expect_activation(op: &str, name: &str, tensor: &Tensor) -> Result<()> {
    match tensor.dtype() {
        DType::F32 | DType::BF16 => Ok(()),
        other => bail!("{op}: {name} is {other:?}, expected F32 or BF16"),
    }
}

/// An error if `out` is in the same storage as one of `inputs`, even as another part of it. candle locks the storage of a
/// result while an operation reads its inputs, so that the operation would wait for itself.
pub(crate) fn expect_apart<'a>(
    op: &str,
    out: &Tensor,
    inputs: impl IntoIterator<Item = &'a Tensor>,
) -> Result<()> {
    let own = storage(out);
    if inputs.into_iter().any(|input| storage(input) == own) {
        bail!(
            "{op}: the tensor that is written shares its storage with one that is read; write to a tensor of its own, \
             or read a copy (`Tensor::copy`)"
        )
    }
    Ok(())
}

/// Tells storages apart. The lock is held for a moment only, one at a time: both tensors keep their storages alive, so that
/// the addresses stay theirs.
fn storage(tensor: &Tensor) -> *const Storage {
    let (storage, _) = tensor.storage_and_layout();
    &raw const *storage
}
