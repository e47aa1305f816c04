//! Builds a graph.

use half::f16;

use crate::proto::{AttributeProto, AttributeType, DataType, GraphProto, NodeProto, TensorProto};
use crate::{Precision, TensorType};

/// Value of a node's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A string.
    Text(&'static str),
}

/// A graph under construction. Define values before using them; the checker refuses any other order.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    graph: GraphProto,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self {
            graph: GraphProto {
                name: Some(name.to_owned()),
                ..GraphProto::default()
            },
        }
    }

    /// Adds an input of the graph.
    pub fn input(&mut self, name: &str, ty: &TensorType) {
        self.graph.input.push(ty.to_proto(name));
    }

    /// Adds an output of the graph.
    pub fn output(&mut self, name: &str, ty: &TensorType) {
        self.graph.output.push(ty.to_proto(name));
    }

    /// Adds an operation with one output.
    pub fn node<'a>(
        &mut self,
        op_type: &str,
        name: &str,
        inputs: impl IntoIterator<Item = &'a str>,
        output: &str,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        self.graph.node.push(NodeProto {
            input: inputs.into_iter().map(str::to_owned).collect(),
            output: vec![output.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(op_type.to_owned()),
            attribute: attributes
                .into_iter()
                .map(|(name, value)| attribute(name, value))
                .collect(),
            ..NodeProto::default()
        });
    }

    /// Says on the last node what it is.
    pub fn describe_last(&mut self, text: String) {
        if let Some(node) = self.graph.node.last_mut() {
            node.doc_string = Some(text);
        }
    }

    /// Adds a constant, rounded to the given precision.
    pub fn initializer(&mut self, name: &str, dims: &[usize], values: &[f32], precision: Precision) {
        self.constant(floats(name, dims, values, precision));
    }

    /// Adds a constant.
    pub fn constant(&mut self, tensor: TensorProto) {
        self.graph.initializer.push(tensor);
    }

    /// The graph.
    pub fn finish(self) -> GraphProto {
        self.graph
    }
}

/// A constant of floats, rounded to the given precision; what stays a float in int8 is float32.
pub(crate) fn floats(name: &str, dims: &[usize], values: &[f32], precision: Precision) -> TensorProto {
    match precision {
        Precision::Fp32 | Precision::Int8 => {
            let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            tensor(name, dims, DataType::Float, raw_data)
        }
        Precision::Fp16 => {
            let halves = values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes());
            tensor(name, dims, DataType::Float16, halves.collect())
        }
    }
}

/// A constant of int8.
pub(crate) fn signed_bytes(name: &str, dims: &[usize], values: &[i8]) -> TensorProto {
    let raw_data = values.iter().map(|value| value.cast_unsigned()).collect();
    tensor(name, dims, DataType::Int8, raw_data)
}

/// A scalar of uint8.
pub(crate) fn byte(name: &str, value: u8) -> TensorProto {
    tensor(name, &[], DataType::Uint8, vec![value])
}

/// A constant of int32 `[values]`.
pub(crate) fn steps(name: &str, values: &[i32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &[values.len()], DataType::Int32, raw_data)
}

/// A constant of int64 `[values]`.
pub(crate) fn ints(name: &str, values: &[i64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &[values.len()], DataType::Int64, raw_data)
}

fn tensor(name: &str, dims: &[usize], data_type: DataType, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: Some(data_type as i32),
        name: Some(name.to_owned()),
        raw_data: Some(raw_data),
        ..TensorProto::default()
    }
}

fn attribute(name: &str, value: Attribute) -> AttributeProto {
    let mut proto = AttributeProto {
        name: Some(name.to_owned()),
        ..AttributeProto::default()
    };
    let kind = match value {
        Attribute::Float(f) => {
            proto.f = Some(f);
            AttributeType::Float
        }
        Attribute::Int(i) => {
            proto.i = Some(i);
            AttributeType::Int
        }
        Attribute::Ints(ints) => {
            proto.ints = ints;
            AttributeType::Ints
        }
        Attribute::Text(text) => {
            proto.s = Some(text.into());
            AttributeType::String
        }
    };
    proto.r#type = Some(kind as i32);
    proto
}
