//! Where a file keeps a tensor, and how its values come into the state dict's order.

use mbn_spec::TensorSpec;
use safetensors::tensor::TensorView;

use crate::values;

/// Where a file keeps a tensor of the state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub name: String,
    /// In the file's order of dimensions.
    pub shape: Vec<usize>,
    /// For each dimension in the state dict, its index in the file. Dimensions left out have size 1.
    pub order: Vec<usize>,
}

impl Stored {
    /// A tensor that differs from the state dict's in name only.
    pub fn same(name: impl Into<String>, spec: &TensorSpec) -> Self {
        Self {
            name: name.into(),
            shape: spec.shape.clone(),
            order: (0..spec.shape.len()).collect(),
        }
    }

    /// The file's values as float32, in the state dict's order.
    pub(super) fn floats(&self, view: &TensorView) -> Vec<f32> {
        let values = values::floats(view);
        if self.order.iter().copied().eq(0..self.shape.len()) {
            return values;
        }
        self.offsets().into_iter().map(|i| values[i]).collect()
    }

    /// For each value of the state dict's tensor, its position in the file's.
    fn offsets(&self) -> Vec<usize> {
        let mut strides = vec![1; self.shape.len()];
        for i in (1..strides.len()).rev() {
            strides[i - 1] = strides[i] * self.shape[i];
        }
        let mut offsets = vec![0];
        for &dim in &self.order {
            let (steps, stride) = (0..self.shape[dim], strides[dim]);
            offsets = offsets
                .iter()
                .flat_map(|offset| steps.clone().map(move |step| offset + step * stride))
                .collect();
        }
        offsets
    }
}
