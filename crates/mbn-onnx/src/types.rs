//! Tensor types with symbolic dimensions, and how the file stores them.

use std::fmt;

use crate::proto::{DataType, TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};

/// Size of one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// A name; the caller chooses the number.
    Symbol(String),
}

/// Element type and shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Type of the elements.
    pub elem: DataType,
    /// Dimensions, outermost first.
    pub shape: Vec<Dim>,
}

/// A type in a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// It is not a dense tensor, or has no shape.
    #[error("it is not a tensor with a shape")]
    NotTensor,
    /// This network does not use the element type.
    #[error("its element type has the number {0}, expected float32, float16, uint8 or int64")]
    Element(i32),
    /// A dimension is negative or of unknown size.
    #[error("dimension {0} has no size")]
    Dimension(usize),
}

impl DataType {
    /// Bytes of one element; 0 if undefined.
    pub fn size(self) -> usize {
        match self {
            DataType::Undefined => 0,
            DataType::Uint8 | DataType::Int8 => 1,
            DataType::Float16 | DataType::Bfloat16 => 2,
            DataType::Float => 4,
            DataType::Int64 => 8,
        }
    }

    /// The type for a number in a file, if this network uses it.
    pub(crate) fn read(number: Option<i32>) -> Result<Self, TypeError> {
        let number = number.unwrap_or_default();
        match DataType::try_from(number) {
            Ok(elem @ (DataType::Float | DataType::Float16 | DataType::Uint8 | DataType::Int64)) => Ok(elem),
            _ => Err(TypeError::Element(number)),
        }
    }
}

impl TensorType {
    /// A type from its parts.
    pub fn new(elem: DataType, shape: impl Into<Vec<Dim>>) -> Self {
        Self {
            elem,
            shape: shape.into(),
        }
    }

    pub(crate) fn to_proto(&self, name: &str) -> ValueInfoProto {
        let dimension = |dim: &Dim| tensor_shape_proto::Dimension {
            value: Some(match dim {
                Dim::Fixed(size) => tensor_shape_proto::Value::DimValue(*size as i64),
                Dim::Symbol(name) => tensor_shape_proto::Value::DimParam(name.clone()),
            }),
        };
        let tensor = type_proto::Tensor {
            elem_type: Some(self.elem as i32),
            shape: Some(TensorShapeProto {
                dim: self.shape.iter().map(dimension).collect(),
            }),
        };
        ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
            }),
        }
    }

    pub(crate) fn from_proto(info: &ValueInfoProto) -> Result<Self, TypeError> {
        let value = info.r#type.as_ref().and_then(|t| t.value.as_ref());
        let Some(type_proto::Value::TensorType(tensor)) = value else {
            return Err(TypeError::NotTensor);
        };
        let elem = DataType::read(tensor.elem_type)?;
        let dims = &tensor.shape.as_ref().ok_or(TypeError::NotTensor)?.dim;
        let dimension = |(i, dim): (usize, &tensor_shape_proto::Dimension)| match &dim.value {
            Some(tensor_shape_proto::Value::DimValue(size)) => {
                let size = usize::try_from(*size).map_err(|_| TypeError::Dimension(i))?;
                Ok(Dim::Fixed(size))
            }
            Some(tensor_shape_proto::Value::DimParam(name)) if !name.is_empty() => {
                Ok(Dim::Symbol(name.clone()))
            }
            _ => Err(TypeError::Dimension(i)),
        };
        let shape = dims.iter().enumerate().map(dimension).collect::<Result<_, _>>()?;
        Ok(Self { elem, shape })
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Self {
        Dim::Fixed(size)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Symbol(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elem = match self.elem {
            DataType::Undefined => "undefined",
            DataType::Float => "float32",
            DataType::Uint8 => "uint8",
            DataType::Int8 => "int8",
            DataType::Int64 => "int64",
            DataType::Float16 => "float16",
            DataType::Bfloat16 => "bfloat16",
        };
        let shape: Vec<_> = self.shape.iter().map(Dim::to_string).collect();
        write!(f, "{elem} [{}]", shape.join(", "))
    }
}
