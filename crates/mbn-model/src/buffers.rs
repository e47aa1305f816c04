//! Tensors that are used again in the next step.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Shape, Tensor};

/// Tensors that nobody reads any more, by format and number of elements. Memory that comes fresh from the operating
/// system costs a page fault every 4 KiB, as much time as the arithmetic on it.
#[derive(Debug, Default)]
pub(crate) struct Buffers(HashMap<(DType, usize), Vec<Tensor>>);

impl Buffers {
    /// A tensor of any content.
    pub fn take(&mut self, shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        let free = self.0.get_mut(&(dtype, shape.elem_count()));
        match free.and_then(Vec::pop) {
            Some(tensor) => tensor.reshape(shape),
            None => Tensor::zeros(shape, dtype, device),
        }
    }

    /// Gives back a tensor that will not be read again.
    pub fn give(&mut self, tensor: Tensor) {
        let key = (tensor.dtype(), tensor.elem_count());
        self.0.entry(key).or_default().push(tensor);
    }
}
