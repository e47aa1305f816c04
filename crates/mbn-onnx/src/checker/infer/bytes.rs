//! Floats to bytes, and back.

use super::{Inferred, Op};
use crate::proto::DataType;
use crate::{Dim, TensorType};

impl Op<'_> {
    /// One scale for all values, and a zero point of the type that they get.
    pub(super) fn quantize(&self) -> Inferred {
        self.attributes(&[])?;
        let &[x, scale, zero] = self.inputs else {
            return Err(self.count(3));
        };
        if x.elem != DataType::Float || scale.elem != DataType::Float {
            return Err(self.types("the input or its scale is not float32"));
        }
        if !matches!(zero.elem, DataType::Uint8 | DataType::Int8) {
            return Err(self.types("the zero point is no byte"));
        }
        if !scale.shape.is_empty() || !zero.shape.is_empty() {
            return Err(self.types("the scale or the zero point is not a scalar"));
        }
        Ok(TensorType::new(zero.elem, x.shape.clone()))
    }

    /// One scale for all values, or one for each index of an axis.
    pub(super) fn dequantize(&self) -> Inferred {
        let attributes = self.attributes(&["axis"])?;
        let (x, scale, zero) = match *self.inputs {
            [x, scale] => (x, scale, None),
            [x, scale, zero] => (x, scale, Some(zero)),
            _ => return Err(self.count(2)),
        };
        if !matches!(x.elem, DataType::Uint8 | DataType::Int8 | DataType::Int32) {
            return Err(self.types("the input is not uint8, int8 or int32"));
        }
        if scale.elem != DataType::Float {
            return Err(self.types("the scale is not float32"));
        }
        if zero.is_some_and(|zero| zero.elem != x.elem || zero.shape != scale.shape) {
            return Err(self.types("the zero point does not match input and scale"));
        }
        if !scale.shape.is_empty() {
            let Some(last) = x.shape.len().checked_sub(1) else {
                return Err(self.types("the input is a scalar"));
            };
            let axis = attributes.axis(1, x.shape.len(), last)?;
            let is_axis = scale.shape.as_slice() == [x.shape[axis].clone()];
            if !is_axis || !matches!(x.shape[axis], Dim::Fixed(_)) {
                return Err(self.types("the scales do not match the axis"));
            }
        }
        Ok(TensorType::new(DataType::Float, x.shape.clone()))
    }
}
