//! New tensors for what kernels write.

use candle_core::{DType, Device, Result, Shape, Tensor};

use super::launch::pointer;
use crate::kernels::Pointer;

/// Float32 tensors of the given shapes, and what `fill` returns. It gets their addresses and enqueues the kernels that
/// write all of them.
pub(super) fn filled<const N: usize, R>(
    op: &str,
    device: &Device,
    shapes: [Shape; N],
    fill: impl FnOnce([Pointer; N]) -> Result<R>,
) -> Result<([Tensor; N], R)> {
    // SAFETY: the tensors leave this function only after `fill` has enqueued the kernels that write them, and all work on
    // tensors is on one stream, so nothing reads them before. The memory is the device's, and every bit pattern is a
    // float32: a kernel that left a part unwritten would give wrong values, not undefined behaviour.
    let empty = |shape| unsafe { Tensor::empty(shape, DType::F32, device) };
    let mut tensors = Vec::with_capacity(N);
    let mut pointers = [0; N];
    for (shape, address) in shapes.into_iter().zip(&mut pointers) {
        let tensor = empty(shape)?;
        *address = pointer(op, &tensor)?;
        tensors.push(tensor);
    }
    let result = fill(pointers)?;
    match tensors.try_into() {
        Ok(tensors) => Ok((tensors, result)),
        Err(_) => candle_core::bail!("{op}: not {N} tensors"),
    }
}
