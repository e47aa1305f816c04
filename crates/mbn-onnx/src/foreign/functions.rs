//! The functions that a model defines for itself. PyTorch's exporter has written a module as one.

use std::collections::HashMap;

use prost::Message;

use crate::proto::{AttributeProto, ModelProto, NodeProto, OperatorSetIdProto};

/// A function local to a model, as far as it is read: the field numbers are those of `onnx.proto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionProto {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, optional, tag = "10")]
    pub domain: Option<String>,
    /// Parameters that have a value unless a call gives another.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
}

/// A model's functions by domain and name.
#[derive(Default)]
pub(super) struct Functions(HashMap<(String, String), FunctionProto>);

impl Functions {
    /// Those that can be read. ONNX Runtime refuses a model whose others are used.
    pub fn of(model: &ModelProto) -> Self {
        let read = |bytes: &Vec<u8>| FunctionProto::decode(bytes.as_slice()).ok();
        let functions = model.functions.iter().filter_map(read);
        let key = |function: &FunctionProto| (function.domain().to_owned(), function.name().to_owned());
        Self(functions.map(|function| (key(&function), function)).collect())
    }

    /// Each by its domain and name.
    pub fn iter(&self) -> impl Iterator<Item = ((&str, &str), &FunctionProto)> {
        let functions = self.0.iter();
        functions.map(|((domain, name), function)| ((domain.as_str(), name.as_str()), function))
    }
}
