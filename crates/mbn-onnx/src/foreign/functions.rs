//! The functions that a model defines for itself. PyTorch's exporter has written a module as one.

use std::collections::HashMap;

use prost::Message;

use crate::proto::{ModelProto, NodeProto};

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
    #[prost(string, optional, tag = "10")]
    pub domain: Option<String>,
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

    /// The function that a node calls, if it calls one.
    pub fn called_by(&self, node: &NodeProto) -> Option<&FunctionProto> {
        let key = (node.domain().to_owned(), node.op_type().to_owned());
        self.0.get(&key)
    }
}
