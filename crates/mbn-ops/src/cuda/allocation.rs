//! New tensors for what kernels write.

use candle_core::{DType, Device, Result, Shape, Tensor};

use super::launch::pointer;
use super::work;
use crate::kernels::Pointer;

/// Float32 tensors of the given shapes, and what `fill` returns. It gets their addresses and enqueues the kernels that
/// write all of them.
pub(super) fn filled<const N: usize, R>(
    op: &str,
    device: &Device,
    shapes: [Shape; N],
    fill: impl FnOnce([Pointer; N]) -> Result<R>,
) -> Result<([Tensor; N], R)> {
    filled_as(op, device, shapes.map(|shape| (shape, DType::F32)), fill)
}

/// [`filled`] for tensors of float32 or U32.
pub(super) fn filled_as<const N: usize, R>(
    op: &str,
    device: &Device,
    tensors: [(Shape, DType); N],
    fill: impl FnOnce([Pointer; N]) -> Result<R>,
) -> Result<([Tensor; N], R)> {
    let mut made = Vec::with_capacity(N);
    let mut pointers = [0; N];
    for ((shape, dtype), address) in tensors.into_iter().zip(&mut pointers) {
        // SAFETY: the tensors leave this function only after `fill` has enqueued the kernels that write them.
        let tensor = unsafe { unwritten(shape, dtype, device) }?;
        *address = pointer(op, &tensor, dtype)?;
        made.push(tensor);
    }
    let result = fill(pointers)?;
    match made.try_into() {
        Ok(tensors) => Ok((tensors, result)),
        Err(_) => candle_core::bail!("{op}: not {N} tensors"),
    }
}

/// A tensor on a CUDA device whose memory nobody has written.
///
/// # Safety
/// A kernel that writes all of it must be enqueued before anything that reads it. All work on tensors is on one stream, so
/// that nothing reads it before. The memory is the device's, and every bit pattern is a float32 or an integer: a kernel
/// that left a part unwritten would give wrong values, not undefined behaviour.
pub(crate) unsafe fn unwritten(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Tensor> {
    work::count_allocation();
    // SAFETY: by this function's own contract.
    unsafe { Tensor::empty(shape, dtype, device) }
}
