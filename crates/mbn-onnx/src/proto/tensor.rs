//! Constant tensors.

use prost::{Enumeration, Message};

use super::StringStringEntryProto;

/// A constant tensor. Its elements are in one of the fields, which the element type allows.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Shape, outermost dimension first; empty for a scalar.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// A [`DataType`].
    #[prost(enumeration = "DataType", optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Part of a larger tensor, unread.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub segment: Option<Vec<u8>>,
    /// Elements of float32 and complex64.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of types of at most 32 bits but float32.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements of strings.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_data: Vec<Vec<u8>>,
    /// Elements of int64.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// The tensor's name.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Elements in row-major order, little endian.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
    /// Elements of float64 and complex128.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of uint64 and uint32.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// What the tensor is, for a person to read.
    #[prost(string, optional, tag = "12")]
    pub doc_string: Option<String>,
    /// Names the file with the elements, if that is another one.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// A [`DataLocation`].
    #[prost(enumeration = "DataLocation", optional, tag = "14")]
    pub data_location: Option<i32>,
    /// Metadata.
    #[prost(message, repeated, tag = "16")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

impl TensorProto {
    /// Whether another file holds the elements.
    pub fn is_external(&self) -> bool {
        self.data_location() == DataLocation::External || !self.external_data.is_empty()
    }
}

/// Type of a tensor's elements, with ONNX's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum DataType {
    /// Not stated.
    Undefined = 0,
    /// float32
    Float = 1,
    /// uint8
    Uint8 = 2,
    /// int8
    Int8 = 3,
    /// uint16
    Uint16 = 4,
    /// int16
    Int16 = 5,
    /// int32
    Int32 = 6,
    /// int64
    Int64 = 7,
    /// A string.
    String = 8,
    /// bool, a byte
    Bool = 9,
    /// float16
    Float16 = 10,
    /// float64
    Double = 11,
    /// uint32
    Uint32 = 12,
    /// uint64
    Uint64 = 13,
    /// complex64, two float32
    Complex64 = 14,
    /// complex128, two float64
    Complex128 = 15,
    /// bfloat16
    Bfloat16 = 16,
    /// float8 e4m3fn
    Float8E4m3fn = 17,
    /// float8 e4m3fnuz
    Float8E4m3fnuz = 18,
    /// float8 e5m2
    Float8E5m2 = 19,
    /// float8 e5m2fnuz
    Float8E5m2fnuz = 20,
    /// uint4, two in a byte
    Uint4 = 21,
    /// int4, two in a byte
    Int4 = 22,
    /// float4 e2m1, two in a byte
    Float4E2m1 = 23,
    /// float8 e8m0
    Float8E8m0 = 24,
    /// uint2, four in a byte
    Uint2 = 25,
    /// int2, four in a byte
    Int2 = 26,
}

/// Where a tensor's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum DataLocation {
    /// In the message.
    Default = 0,
    /// In another file.
    External = 1,
}
