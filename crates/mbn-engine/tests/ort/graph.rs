//! Graphs that are run by the names of their inputs and outputs.

use mbn_engine::engine::ModelSource;
use mbn_engine::{ElementKind, Elements, Feed, GraphSession};
use mbn_onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_shape_proto, type_proto,
};

use crate::common::{noise, runtime};

/// As many values as fit into memory that a freed block gives back to the system, so that reading it would be a fault.
const LARGE: usize = 1 << 20;

fn value(name: &str, elements: i32, len: usize) -> ValueInfoProto {
    let dim = tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::Value::DimValue(len as i64)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: Some(elements),
        shape: Some(TensorShapeProto { dim: vec![dim] }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A graph that gives its input, and what `Identity` makes of it.
fn passes_through(elements: i32, len: usize) -> Vec<u8> {
    let node = NodeProto {
        op_type: Some("Identity".to_owned()),
        input: vec!["x".to_owned()],
        output: vec!["y".to_owned()],
        ..Default::default()
    };
    let graph = GraphProto {
        name: Some("passes through".to_owned()),
        node: vec![node],
        input: vec![value("x", elements, len)],
        output: vec![value("x", elements, len), value("y", elements, len)],
        ..Default::default()
    };
    let opset = OperatorSetIdProto {
        domain: Some(String::new()),
        version: Some(17),
    };
    let proto = ModelProto {
        ir_version: Some(8),
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    };
    mbn_onnx::Model::from(proto).to_bytes()
}

#[test]
fn an_output_that_is_an_input_has_the_inputs_values() {
    let Some(runtime) = runtime() else { return };
    for (elements, kind) in [
        (1, ElementKind::Float),
        (10, ElementKind::Half),
        (11, ElementKind::Double),
    ] {
        for len in [1, 1000, LARGE] {
            let source = ModelSource::Bytes(passes_through(elements, len).into());
            let mut session = GraphSession::load(&runtime, &source, 1).unwrap();
            let bytes = || (0..len).map(noise);
            let feed = Feed {
                name: "x".to_owned(),
                shape: vec![len],
                elements: Elements::bytes(kind, bytes()),
            };
            let outputs = session.run(vec![feed]).unwrap();
            let Elements::Float(expected) = Elements::bytes(ElementKind::Float, bytes()) else {
                panic!("other elements");
            };
            assert_eq!(outputs.len(), 2);
            for output in outputs {
                assert_eq!(output.shape, [len as i64]);
                // Quarters of sixteenths are exact in each type.
                assert!(
                    output.values == expected,
                    "{kind:?}, {len} values of `{}`",
                    output.name
                );
            }
        }
    }
}
