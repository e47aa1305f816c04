//! Graphs that are run by the names of their inputs and outputs.

use mbn_engine::engine::ModelSource;
use mbn_engine::{ElementKind, Elements, Feed, GraphSession};
use mbn_onnx::TensorType;
use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{
    DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use crate::common::{noise, runtime};

const SIDE: usize = 4;

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
    model(graph)
}

fn model(graph: GraphProto) -> Vec<u8> {
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

/// The largest of each picture's values and of the zeros around them, by pooling with a `Pad` of its own.
#[test]
fn zeros_around_a_picture_count_in_pooling() {
    let Some(runtime) = runtime() else { return };
    let picture =
        |side: usize| TensorType::new(DataType::Float, [1.into(), 1.into(), side.into(), side.into()]);
    let mut graph = GraphBuilder::new("zeros");
    graph.input("x", &picture(SIDE));
    graph.output("y", &picture(2));
    graph.constant(TensorProto {
        name: Some("pads".to_owned()),
        data_type: Some(DataType::Int64 as i32),
        dims: vec![8],
        int64_data: vec![0, 0, 1, 1, 0, 0, 1, 1],
        ..TensorProto::default()
    });
    graph.node("Pad", "pad", ["x", "pads"], "padded", []);
    let sides = |name| (name, Attribute::Ints(vec![3, 3]));
    let pool = [sides("kernel_shape"), sides("strides")];
    graph.node("MaxPool", "pool", ["padded"], "y", pool);
    let source = ModelSource::Bytes(model(graph.finish()).into());
    let mut session = GraphSession::load(&runtime, &source, 1).unwrap();
    let feed = Feed {
        name: "x".to_owned(),
        shape: vec![1, 1, SIDE, SIDE],
        elements: Elements::Float(vec![-1.0; SIDE * SIDE]),
    };
    let outputs = session.run(vec![feed]).unwrap();
    assert_eq!(outputs[0].values, [0.0; 4]);
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
