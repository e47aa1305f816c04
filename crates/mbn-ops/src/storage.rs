//! Access to the values of CPU tensors.

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

/// The values of a contiguous float32 tensor.
pub(crate) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: the tensor is not contiguous");
    };
    match storage {
        CpuStorage::F32(values) => Ok(&values[start..end]),
        _ => bail!("{op}: the tensor is not float32"),
    }
}

/// The values of a contiguous float32 tensor, to be written.
pub(crate) fn floats_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
    op: &str,
) -> Result<&'a mut [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: the tensor is not contiguous");
    };
    match storage {
        CpuStorage::F32(values) => Ok(&mut values[start..end]),
        _ => bail!("{op}: the tensor is not float32"),
    }
}

/// An error unless `tensor` has the given shape.
pub(crate) fn expect_shape(op: &str, name: &str, tensor: &Tensor, shape: &[usize]) -> Result<()> {
    if tensor.dims() != shape {
        bail!("{op}: {name} has shape {:?}, expected {shape:?}", tensor.dims());
    }
    Ok(())
}
