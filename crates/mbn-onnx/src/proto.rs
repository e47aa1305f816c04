//! The ONNX messages, with the field numbers of `onnx.proto` (proto2, where every scalar field has presence).
//!
//! Messages that this workspace does not look into, such as functions and training graphs, are kept as their bytes. So a
//! model is written back as it was read.

mod elements;
mod graph;
mod model;
mod tensor;
mod types;

pub use graph::{AttributeProto, AttributeType, GraphProto, NodeProto};
pub use model::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
pub use tensor::{DataLocation, DataType, TensorProto};
pub use types::{TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};
