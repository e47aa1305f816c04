//! Graphs of few nodes for tests.

use prost::Message;

use super::functions::FunctionProto;
use crate::Model;
use crate::proto::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A node that is called like its first output.
pub fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        input: names(inputs),
        output: names(outputs),
        attribute: attributes,
        ..NodeProto::default()
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        ..AttributeProto::default()
    }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        f: Some(value),
        ..AttributeProto::default()
    }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

pub fn subgraph(name: &str, nodes: Vec<NodeProto>, output: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        g: Some(Box::new(graph(nodes, output))),
        ..AttributeProto::default()
    }
}

pub fn graph(node: Vec<NodeProto>, output: &str) -> GraphProto {
    let value = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    };
    let constant = |name: &str, ty: DataType, raw: &[u8]| TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(ty as i32),
        raw_data: Some(raw.to_vec()),
        ..TensorProto::default()
    };
    GraphProto {
        node,
        input: vec![value("x")],
        output: vec![value(output)],
        initializer: vec![
            constant("true", DataType::Bool, &[1]),
            constant("false", DataType::Bool, &[0]),
            constant("none", DataType::Float, &0f32.to_le_bytes()),
            constant("half", DataType::Float, &0.5f32.to_le_bytes()),
            constant("first", DataType::Int64, &0i64.to_le_bytes()),
            constant("second", DataType::Int64, &1i64.to_le_bytes()),
            constant("last", DataType::Int64, &(-1i64).to_le_bytes()),
            constant("before last", DataType::Int64, &(-2i64).to_le_bytes()),
        ],
        ..GraphProto::default()
    }
}

pub fn model(opset: i64, nodes: Vec<NodeProto>, functions: &[FunctionProto]) -> Model {
    Model::from(ModelProto {
        graph: Some(graph(nodes, "y")),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(opset),
        }],
        functions: functions.iter().map(Message::encode_to_vec).collect(),
        ..ModelProto::default()
    })
}
