//! What counts as a difference, and what is only written otherwise.

use mbn_onnx::proto::{DataType, OperatorSetIdProto, TypeProto};

use mbn_onnx::proto::{AttributeProto, NodeProto};

use super::*;

fn node() -> NodeProto {
    let attribute = |name: &str, i: i64| AttributeProto {
        name: Some(name.to_owned()),
        i: Some(i),
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: Some("Gemm".to_owned()),
        input: vec!["x".to_owned(), "w".to_owned()],
        output: vec!["y".to_owned()],
        attribute: vec![attribute("transA", 0), attribute("transB", 1)],
        ..NodeProto::default()
    }
}

fn model() -> ModelProto {
    let value = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto::default()),
        ..ValueInfoProto::default()
    };
    let weight = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![2],
        data_type: Some(DataType::Float as i32),
        float_data: vec![1.0, -2.0],
        ..TensorProto::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(17),
        }],
        graph: Some(GraphProto {
            node: vec![node()],
            initializer: vec![weight],
            input: vec![value("x")],
            output: vec![value("y")],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

/// The lines for the model and one that `change` makes of it.
fn lines(change: impl Fn(&mut ModelProto)) -> Vec<String> {
    let mut other = model();
    change(&mut other);
    differences(&Model::from(model()), &Model::from(other))
}

#[test]
fn what_is_only_written_otherwise_is_no_difference() {
    let found = lines(|model| {
        model.opset_import[0].domain = Some("ai.onnx".to_owned());
        let graph = model.graph.as_mut().unwrap();
        graph.node[0].attribute.reverse();
        graph.node[0].attribute[0].doc_string = Some("transposed".to_owned());
        graph.node[0].domain = Some(String::new());
        graph.input[0].doc_string = Some("images".to_owned());
        let weight = &mut graph.initializer[0];
        weight.float_data.clear();
        weight.raw_data = Some([1.0f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat());
        weight.doc_string = Some("weights".to_owned());
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn each_difference_has_its_line() {
    let versions = lines(|model| {
        model.ir_version = Some(9);
        model.opset_import.push(OperatorSetIdProto {
            domain: Some("ai.onnx.ml".to_owned()),
            version: Some(3),
        });
    });
    assert_eq!(
        versions,
        ["the versions differ: IR 8, opset 17; IR 9, opset 17, ai.onnx.ml 3"]
    );
    let attribute = lines(|model| model.graph.as_mut().unwrap().node[0].attribute[1].i = Some(0));
    assert!(
        attribute.len() == 1 && attribute[0].contains("`y`"),
        "{attribute:?}"
    );
    let elements = lines(|model| model.graph.as_mut().unwrap().initializer[0].float_data[1] = 2.0);
    assert_eq!(elements, ["these constants differ in their values: `w`"]);
    let inputs = lines(|model| model.graph.as_mut().unwrap().input[0].name = Some("z".to_owned()));
    assert!(
        inputs.len() == 1 && inputs[0].starts_with("the inputs differ: x "),
        "{inputs:?}"
    );
}
