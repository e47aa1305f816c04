//! A copy of a graph that gives its inner values.

use std::collections::HashSet;

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, GraphProto, TypeProto, ValueInfoProto, type_proto};
use mbn_onnx::{Model, checker};

/// Names of values that nodes of both graphs define, in the first one's order.
pub(super) fn shared(a: &GraphProto, b: &GraphProto) -> Vec<String> {
    let outputs = |graph: &GraphProto| -> HashSet<String> {
        graph.node.iter().flat_map(|node| &node.output).cloned().collect()
    };
    let in_b = outputs(b);
    let numeric = (checker::known_types(a), checker::known_types(b));
    let is_numeric = |name: &String| {
        [&numeric.0, &numeric.1]
            .iter()
            .all(|types| types.get(name).is_none_or(|ty| ty.elem != DataType::String))
    };
    let names = a.node.iter().flat_map(|node| &node.output);
    let names = names.filter(|name| !name.is_empty() && in_b.contains(*name) && is_numeric(name));
    names.cloned().collect()
}

/// Names of a graph's outputs that are tensors of numbers.
pub(super) fn outputs(graph: &GraphProto) -> Vec<String> {
    let is_numeric = |output: &&ValueInfoProto| {
        let ty = output.r#type.as_ref().and_then(|ty| ty.value.as_ref());
        matches!(ty, Some(type_proto::Value::TensorType(tensor)) if tensor.elem_type != Some(DataType::String as i32))
    };
    graph
        .output
        .iter()
        .filter(is_numeric)
        .map(|output| output.name().to_owned())
        .collect()
}

/// The model with these values as its only outputs, as float32.
pub(super) fn exposed(model: &Model, names: &[String]) -> Model {
    let mut proto = model.proto().clone();
    let Some(graph) = &mut proto.graph else {
        return Model::from(proto);
    };
    let mut casts = GraphBuilder::default();
    graph.output.clear();
    for (i, name) in names.iter().enumerate() {
        let output = format!("{name}.exposed.{i}");
        let to = [("to", Attribute::Int(DataType::Float as i64))];
        casts.node("Cast", &output, [name.as_str()], &output, to);
        graph.output.push(float(&output));
    }
    graph.node.extend(casts.finish().node);
    Model::from(proto)
}

/// An output of float32 of any shape.
fn float(name: &str) -> ValueInfoProto {
    let tensor = type_proto::Tensor {
        elem_type: Some(DataType::Float as i32),
        shape: None,
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
