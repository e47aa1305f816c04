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
    /// Known only once the graph runs.
    Unknown,
}

impl Dim {
    /// Whether both may be the same size: unknown ones may be any.
    pub fn fits(&self, other: &Self) -> bool {
        self == other || *self == Self::Unknown || *other == Self::Unknown
    }
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
    #[error(
        "its element type has the number {0}, expected float32, float16, float64, uint8, int8, int32 or int64"
    )]
    Element(i32),
    /// A dimension is negative.
    #[error("dimension {0} is negative")]
    Dimension(usize),
}

impl DataType {
    /// Bits of one element; 0 if undefined, and for strings.
    pub fn bits(self) -> usize {
        match self {
            Self::Undefined | Self::String => 0,
            Self::Uint2 | Self::Int2 => 2,
            Self::Uint4 | Self::Int4 | Self::Float4E2m1 => 4,
            Self::Uint8 | Self::Int8 | Self::Bool => 8,
            Self::Float8E4m3fn
            | Self::Float8E4m3fnuz
            | Self::Float8E5m2
            | Self::Float8E5m2fnuz
            | Self::Float8E8m0 => 8,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 16,
            Self::Float | Self::Int32 | Self::Uint32 => 32,
            Self::Int64 | Self::Uint64 | Self::Double | Self::Complex64 => 64,
            Self::Complex128 => 128,
        }
    }

    /// Bytes of one element; 0 if undefined, for strings, and if several share a byte.
    pub fn size(self) -> usize {
        self.bits() / 8
    }

    /// Its name, such as `float32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Float => "float32",
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Uint16 => "uint16",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Float16 => "float16",
            Self::Double => "float64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Bfloat16 => "bfloat16",
            Self::Float8E4m3fn => "float8e4m3fn",
            Self::Float8E4m3fnuz => "float8e4m3fnuz",
            Self::Float8E5m2 => "float8e5m2",
            Self::Float8E5m2fnuz => "float8e5m2fnuz",
            Self::Uint4 => "uint4",
            Self::Int4 => "int4",
            Self::Float4E2m1 => "float4e2m1",
            Self::Float8E8m0 => "float8e8m0",
            Self::Uint2 => "uint2",
            Self::Int2 => "int2",
        }
    }

    /// The type for a number in a file, if this network uses it.
    pub(crate) fn read(number: Option<i32>) -> Result<Self, TypeError> {
        let number = number.unwrap_or_default();
        match DataType::try_from(number) {
            Ok(
                elem @ (DataType::Float
                | DataType::Float16
                | DataType::Double
                | DataType::Uint8
                | DataType::Int8
                | DataType::Int32
                | DataType::Int64),
            ) => Ok(elem),
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
            value: match dim {
                Dim::Fixed(size) => Some(tensor_shape_proto::Value::DimValue(*size as i64)),
                Dim::Symbol(name) => Some(tensor_shape_proto::Value::DimParam(name.clone())),
                Dim::Unknown => None,
            },
            denotation: None,
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
                denotation: None,
            }),
            ..ValueInfoProto::default()
        }
    }

    /// The type of a value as a file states it, if it is one that this network may have.
    pub(crate) fn from_proto(info: &ValueInfoProto) -> Result<Self, TypeError> {
        let ty = Self::stated(info)?;
        DataType::read(Some(ty.elem as i32))?;
        Ok(ty)
    }

    /// The type of a value as a file states it.
    ///
    /// # Errors
    /// [`TypeError`] if it is none of a tensor.
    pub fn stated(info: &ValueInfoProto) -> Result<Self, TypeError> {
        let value = info.r#type.as_ref().and_then(|t| t.value.as_ref());
        let Some(type_proto::Value::TensorType(tensor)) = value else {
            return Err(TypeError::NotTensor);
        };
        let number = tensor.elem_type.unwrap_or_default();
        let elem = DataType::try_from(number).map_err(|_| TypeError::Element(number))?;
        let dims = &tensor.shape.as_ref().ok_or(TypeError::NotTensor)?.dim;
        let dimension = |(i, dim): (usize, &tensor_shape_proto::Dimension)| match &dim.value {
            Some(tensor_shape_proto::Value::DimValue(size)) => {
                let size = usize::try_from(*size).map_err(|_| TypeError::Dimension(i))?;
                Ok(Dim::Fixed(size))
            }
            Some(tensor_shape_proto::Value::DimParam(name)) if !name.is_empty() => {
                Ok(Dim::Symbol(name.clone()))
            }
            _ => Ok(Dim::Unknown),
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
            Dim::Unknown => f.write_str("?"),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape: Vec<_> = self.shape.iter().map(Dim::to_string).collect();
        write!(f, "{} [{}]", self.elem.name(), shape.join(", "))
    }
}
