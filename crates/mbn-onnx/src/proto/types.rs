//! Types of values.

use prost::{Message, Oneof};

use super::StringStringEntryProto;

/// Name and type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// The value's name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The value's type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
    /// What the value is, for a person to read.
    #[prost(string, optional, tag = "3")]
    pub doc_string: Option<String>,
    /// Metadata.
    #[prost(message, repeated, tag = "4")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// Type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// The type.
    #[prost(oneof = "type_proto::Value", tags = "1, 4, 5, 7, 8, 9")]
    pub value: Option<type_proto::Value>,
    /// What the value stands for, such as `IMAGE`.
    #[prost(string, optional, tag = "6")]
    pub denotation: Option<String>,
}

/// Parts of [`TypeProto`].
pub mod type_proto {
    use super::{Message, Oneof, TensorShapeProto};
    use crate::proto::DataType;

    /// The kinds of types.
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Value {
        /// A dense tensor.
        #[prost(message, tag = "1")]
        TensorType(Tensor),
        /// A sequence, unread.
        #[prost(bytes, tag = "4")]
        SequenceType(Vec<u8>),
        /// A map, unread.
        #[prost(bytes, tag = "5")]
        MapType(Vec<u8>),
        /// A type of another library, unread.
        #[prost(bytes, tag = "7")]
        OpaqueType(Vec<u8>),
        /// A sparse tensor, unread.
        #[prost(bytes, tag = "8")]
        SparseTensorType(Vec<u8>),
        /// A value that may be absent, unread.
        #[prost(bytes, tag = "9")]
        OptionalType(Vec<u8>),
    }

    /// Element type and shape of a tensor.
    #[derive(Clone, PartialEq, Message)]
    pub struct Tensor {
        /// A [`DataType`].
        #[prost(enumeration = "DataType", optional, tag = "1")]
        pub elem_type: Option<i32>,
        /// The shape, if known.
        #[prost(message, optional, tag = "2")]
        pub shape: Option<TensorShapeProto>,
    }
}

/// Shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// The dimensions, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<tensor_shape_proto::Dimension>,
}

/// Parts of [`TensorShapeProto`].
pub mod tensor_shape_proto {
    use super::{Message, Oneof};

    /// One dimension.
    #[derive(Clone, PartialEq, Message)]
    pub struct Dimension {
        /// Its size, if known.
        #[prost(oneof = "Value", tags = "1, 2")]
        pub value: Option<Value>,
        /// What the dimension stands for, such as `DATA_BATCH`.
        #[prost(string, optional, tag = "3")]
        pub denotation: Option<String>,
    }

    /// Size of a dimension.
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Value {
        /// A number.
        #[prost(int64, tag = "1")]
        DimValue(i64),
        /// A name that stands for one number throughout the graph.
        #[prost(string, tag = "2")]
        DimParam(String),
    }
}
