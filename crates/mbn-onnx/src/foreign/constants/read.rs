//! The values of the constants that a file holds.

use half::{bf16, f16};

use super::tensor::count;
use super::{Constants, Tensor};
use crate::foreign::attributes::attribute;
use crate::foreign::external::bytes_beside;
use crate::proto::{DataType, NodeProto, TensorProto};

impl Constants<'_> {
    pub(super) fn read(&self, tensor: &TensorProto) -> Option<Tensor> {
        let size = |dim: &i64| usize::try_from(*dim).ok();
        let dims: Vec<usize> = tensor.dims.iter().map(size).collect::<Option<_>>()?;
        let count = count(&dims)?;
        self.affords(count)?;
        let values = match tensor.is_external() {
            true => values(tensor.data_type(), &bytes_beside(tensor, self.file?)?)?,
            false => values(tensor.data_type(), &tensor.element_bytes()?)?,
        };
        (values.len() == count).then_some(Tensor {
            dims,
            values,
            is_whole: is_whole(tensor.data_type()),
        })
    }

    /// What a `Constant` holds as numbers.
    pub(super) fn held(&self, node: &NodeProto) -> Option<Tensor> {
        let value = |name: &str| attribute(node, name);
        if let Some(number) = value("value_float") {
            return Some(Tensor::scalar(number.f().into(), false));
        }
        if let Some(number) = value("value_int") {
            return Some(Tensor::scalar(number.i() as f64, true));
        }
        let (values, is_whole): (Vec<f64>, bool) = match (value("value_floats"), value("value_ints")) {
            (Some(list), _) => (list.floats.iter().map(|value| (*value).into()).collect(), false),
            (None, Some(list)) => (list.ints.iter().map(|value| *value as f64).collect(), true),
            (None, None) => return None,
        };
        self.affords(values.len())?;
        Some(Tensor {
            dims: vec![values.len()],
            values,
            is_whole,
        })
    }
}

/// Whether a type has whole numbers alone.
pub(super) fn is_whole(element: DataType) -> bool {
    matches!(
        element,
        DataType::Bool
            | DataType::Uint8
            | DataType::Int8
            | DataType::Uint16
            | DataType::Int16
            | DataType::Uint32
            | DataType::Int32
            | DataType::Uint64
            | DataType::Int64
    )
}

/// The values of elements; `None` for types that have none.
fn values(element: DataType, bytes: &[u8]) -> Option<Vec<f64>> {
    Some(match element {
        DataType::Float => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        DataType::Double => each(bytes, f64::from_le_bytes),
        DataType::Float16 => each(bytes, |bytes| f16::from_le_bytes(bytes).into()),
        DataType::Bfloat16 => each(bytes, |bytes| bf16::from_le_bytes(bytes).into()),
        DataType::Bool | DataType::Uint8 => bytes.iter().map(|byte| (*byte).into()).collect(),
        DataType::Int8 => each(bytes, |bytes| i8::from_le_bytes(bytes).into()),
        DataType::Uint16 => each(bytes, |bytes| u16::from_le_bytes(bytes).into()),
        DataType::Int16 => each(bytes, |bytes| i16::from_le_bytes(bytes).into()),
        DataType::Uint32 => each(bytes, |bytes| u32::from_le_bytes(bytes).into()),
        DataType::Int32 => each(bytes, |bytes| i32::from_le_bytes(bytes).into()),
        DataType::Uint64 => each(bytes, |bytes| u64::from_le_bytes(bytes) as f64),
        DataType::Int64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        _ => return None,
    })
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}
