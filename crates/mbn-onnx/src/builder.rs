//! Builds a graph.

use half::f16;

use crate::proto::{AttributeProto, AttributeType, GraphProto, NodeProto, TensorProto};
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
            domain: None,
        });
    }

    /// Renames the output of the last node. No other node may read it.
    pub fn rename_last_output(&mut self, name: &str) {
        if let Some(output) = self
            .graph
            .node
            .last_mut()
            .and_then(|node| node.output.first_mut())
        {
            name.clone_into(output);
        }
    }

    /// Adds a constant, rounded to the given precision.
    pub fn initializer(&mut self, name: &str, dims: &[usize], values: &[f32], precision: Precision) {
        let raw_data = match precision {
            Precision::Fp32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Precision::Fp16 => values
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes())
                .collect(),
        };
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(precision.data_type() as i32),
            name: Some(name.to_owned()),
            raw_data: Some(raw_data),
            external_data: Vec::new(),
            data_location: None,
        });
    }

    /// The graph.
    pub fn finish(self) -> GraphProto {
        self.graph
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
    };
    proto.r#type = Some(kind as i32);
    proto
}
