//! Tensors for the next step.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Shape, Tensor};

/// Tensors that nobody reads any more, by type and number of elements. Fresh memory from the operating system costs a page
/// fault every 4 KiB, as much time as the arithmetic on it.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    free: HashMap<(DType, usize), Vec<Tensor>>,
    /// Shape of the images that the tensors are for.
    shape: Option<Shape>,
}

impl Buffers {
    /// Drops all tensors if `images`, of the next pass, have another shape than the last ones: none would fit.
    pub fn prepare(&mut self, images: &Tensor) {
        if self.shape.as_ref() != Some(images.shape()) {
            self.free.clear();
            self.shape = Some(images.shape().clone());
        }
    }

    /// A tensor of any content.
    pub fn take(&mut self, shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        let free = self.free.get_mut(&(dtype, shape.elem_count()));
        match free.and_then(Vec::pop) {
            Some(tensor) => tensor.reshape(shape),
            None => Tensor::zeros(shape, dtype, device),
        }
    }

    /// Gives back a tensor that will not be read again.
    pub fn give(&mut self, tensor: Tensor) {
        let key = (tensor.dtype(), tensor.elem_count());
        self.free.entry(key).or_default().push(tensor);
    }
}
