//! The functions that a model defines for itself. PyTorch's exporter has written a module as one.

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
    /// Tells it from others of the same domain and name.
    #[prost(string, optional, tag = "13")]
    pub overload: Option<String>,
}

/// Whether a domain is that of ONNX's own operators.
pub(super) fn is_onnx(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// What a function is known by: domain, name and overload.
pub(super) type Key<'k> = (&'k str, &'k str, &'k str);

/// What the function that a node calls is known by, if it calls one.
pub(super) fn key_of_call(node: &NodeProto) -> Key<'_> {
    key(node.domain(), node.op_type(), node.overload())
}

fn key<'k>(domain: &'k str, name: &'k str, overload: &'k str) -> Key<'k> {
    let domain = if is_onnx(domain) { "" } else { domain };
    (domain, name, overload)
}

/// A model's functions.
#[derive(Default)]
pub(super) struct Functions(Vec<FunctionProto>);

impl Functions {
    /// Those that can be read. ONNX Runtime refuses a model whose others are used.
    pub fn of(model: &ModelProto) -> Self {
        let read = |bytes: &Vec<u8>| FunctionProto::decode(bytes.as_slice()).ok();
        Self(model.functions.iter().filter_map(read).collect())
    }

    /// Each with what it is known by.
    pub fn iter(&self) -> impl Iterator<Item = (Key<'_>, &FunctionProto)> {
        let functions = self.0.iter();
        functions.map(|function| {
            (
                key(function.domain(), function.name(), function.overload()),
                function,
            )
        })
    }
}
