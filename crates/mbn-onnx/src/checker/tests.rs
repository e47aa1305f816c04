mod damaged;

use mbn_spec::{Alpha, Architecture, Metadata};

use super::*;
use crate::fixtures::model;
use crate::proto::{StringStringEntryProto, type_proto};
use crate::{ExportOptions, InputKind, export, fixtures};

/// The checker's error for the exporter's model after a change.
fn after(change: impl FnOnce(&mut ModelProto)) -> CheckError {
    let mut proto = model();
    change(&mut proto);
    let error = check(&Model::from(proto)).unwrap_err();
    assert!(!error.to_string().is_empty());
    error
}

fn after_graph(change: impl FnOnce(&mut GraphProto)) -> CheckError {
    after(|proto| change(proto.graph.as_mut().unwrap()))
}

/// The checker's error after a change to the first node, a 3x3 convolution of stride 2.
fn after_conv(change: impl FnOnce(&mut NodeProto)) -> NodeError {
    match after_graph(|graph| change(&mut graph.node[0])) {
        CheckError::Node { node, reason, .. } if node == "stem" => reason,
        error => panic!("{error}"),
    }
}

fn set_ints(node: &mut NodeProto, name: &str, ints: &[i64]) {
    let mut attributes = node.attribute.iter_mut();
    let attribute = attributes.find(|attribute| attribute.name() == name).unwrap();
    attribute.ints = ints.to_vec();
}

#[test]
fn versions_are_checked() {
    assert_eq!(after(|proto| proto.opset_import.clear()), CheckError::NoOpset);
    let twice = after(|proto| proto.opset_import.push(proto.opset_import[0].clone()));
    assert_eq!(twice, CheckError::OpsetTwice);
    let domain = after(|proto| proto.opset_import[0].domain = Some("com.example".into()));
    assert_eq!(domain, CheckError::Domain("com.example".into()));
    let future = after(|proto| proto.opset_import[0].version = Some(99));
    assert!(matches!(future, CheckError::Opset(_)));
    let old = after(|proto| proto.ir_version = None);
    let expected = CheckError::IrVersion {
        found: 0,
        lowest: 8,
        opset: 17,
    };
    assert_eq!(old, expected);
}

#[test]
fn parts_that_are_not_supported_are_noticed() {
    let unsupported = |error| matches!(error, CheckError::Unsupported(_));
    assert!(unsupported(after(|proto| proto.functions.push(vec![]))));
    assert!(unsupported(after(|proto| proto.training_info.push(vec![]))));
    assert!(unsupported(after_graph(|graph| graph
        .sparse_initializer
        .push(vec![]))));
    assert_eq!(after(|proto| proto.graph = None), CheckError::NoGraph);
    let twice = after(|proto| proto.metadata_props.push(proto.metadata_props[0].clone()));
    assert_eq!(twice, CheckError::MetadataTwice("alpha".into()));
}

#[test]
fn constants_must_be_complete_and_in_the_file() {
    let length = after_graph(|graph| graph.initializer[0].raw_data.as_mut().unwrap().truncate(863));
    let expected = CheckError::RawDataLength {
        name: "model.0.0.weight".into(),
        found: 863,
        expected: 864,
    };
    assert_eq!(length, expected);
    let missing = after_graph(|graph| graph.initializer[0].raw_data = None);
    assert!(matches!(missing, CheckError::Elements { found: 0, .. }));
    let location = after_graph(|graph| graph.initializer[0].data_location = Some(1));
    assert_eq!(location, CheckError::ExternalData("model.0.0.weight".into()));
    let entry = StringStringEntryProto {
        key: Some("location".into()),
        value: Some("/etc/passwd".into()),
    };
    let path = after_graph(|graph| graph.initializer[0].external_data.push(entry));
    assert_eq!(path, CheckError::ExternalData("model.0.0.weight".into()));
}

#[test]
fn false_sizes_do_not_overflow() {
    for dims in [
        vec![-1, 4],
        vec![i64::MAX, i64::MAX],
        vec![1 << 40, 1 << 40],
        vec![i64::MIN],
    ] {
        let error = after_graph(|graph| graph.initializer[0].dims = dims.clone());
        let name = "model.0.0.weight".into();
        assert_eq!(error, CheckError::Dims { name, dims });
    }
    let large = after_graph(|graph| graph.initializer[0].dims = vec![1 << 40]);
    assert!(matches!(large, CheckError::RawDataLength { .. }));
}

#[test]
fn element_types_are_checked() {
    for number in [None, Some(0), Some(3), Some(8), Some(16), Some(-1), Some(1000)] {
        let error = after_graph(|graph| graph.initializer[0].data_type = number);
        // Of another size, the data has the wrong length.
        let refused = matches!(error, CheckError::Type { .. } | CheckError::RawDataLength { .. });
        assert!(refused, "{number:?}: {error}");
    }
    let other = after_graph(|graph| {
        let tensor = &mut graph.initializer[0];
        tensor.data_type = Some(DataType::Float16 as i32);
        let half = tensor.raw_data().len() / 2;
        tensor.raw_data.as_mut().unwrap().truncate(half);
    });
    assert!(other.to_string().contains("differ in their elements"), "{other}");
}

#[test]
fn names_are_defined_once_and_before_they_are_used() {
    let removed = after_graph(|graph| drop(graph.initializer.remove(1)));
    let expected = CheckError::Undefined {
        node: "stem".into(),
        input: "model.0.0.bias".into(),
    };
    assert_eq!(removed, expected);
    let swapped = after_graph(|graph| graph.node.swap(0, 1));
    let expected = CheckError::Order {
        node: "stem.relu".into(),
        input: "stem".into(),
    };
    assert_eq!(swapped, expected);
    let twice = after_graph(|graph| graph.initializer.push(graph.initializer[0].clone()));
    assert_eq!(twice, CheckError::DefinedTwice("model.0.0.weight".into()));
    let node_twice = after_graph(|graph| graph.node[1].output = graph.node[0].output.clone());
    assert_eq!(node_twice, CheckError::DefinedTwice("stem".into()));
    let unnamed = after_graph(|graph| graph.initializer[0].name = None);
    assert_eq!(unnamed, CheckError::Unnamed);
    let named_twice = after_graph(|graph| graph.node[1].name = graph.node[0].name.clone());
    assert_eq!(named_twice, CheckError::NodeTwice("stem".into()));
    let itself = after_graph(|graph| graph.node[0].input[0] = graph.node[0].output[0].clone());
    assert_eq!(itself, CheckError::Cycle(vec!["stem".into(), "stem".into()]));
}

#[test]
fn what_no_output_needs_is_named() {
    let spare = after_graph(|graph| {
        let mut tensor = graph.initializer[1].clone();
        tensor.name = Some("spare".into());
        graph.initializer.push(tensor);
    });
    assert_eq!(spare, CheckError::Orphan("spare".into()));
    let dead = after_graph(|graph| {
        let mut node = graph.node[1].clone();
        (node.name, node.output) = (Some("dead".into()), vec!["dead".into()]);
        graph.node.push(node);
    });
    assert_eq!(dead, CheckError::Orphan("dead".into()));
}

#[test]
fn stated_types_must_be_right() {
    let wrong = after_graph(|graph| {
        let ty = TensorType::new(DataType::Float, [Dim::Symbol("batch".into()), 9.into()]);
        graph.value_info[0] = ty.to_proto("stem");
    });
    assert!(
        wrong
            .to_string()
            .contains("`stem` is stated to be float32 [batch, 9], but is float32 [batch, 8, 112, 112]"),
        "{wrong}"
    );
    let of_nothing = after_graph(|graph| graph.value_info[0].name = Some("gone".into()));
    assert_eq!(of_nothing, CheckError::Orphan("gone".into()));
}

#[test]
fn outputs_must_be_defined_and_of_the_stated_type() {
    assert_eq!(after_graph(|graph| graph.output.clear()), CheckError::NoOutput);
    let renamed = after_graph(|graph| graph.output[0].name = Some("other".into()));
    assert_eq!(renamed, CheckError::UndefinedOutput("other".into()));
    let retyped = after_graph(|graph| {
        let ty = TensorType::new(DataType::Float, [Dim::Symbol("batch".into()), 4.into()]);
        graph.output[0] = ty.to_proto("logits");
    });
    assert!(
        retyped
            .to_string()
            .contains("declared as float32 [batch, 4], but is float32 [batch, 3]")
    );
    let untyped = after_graph(|graph| graph.output[0].r#type = None);
    assert!(matches!(untyped, CheckError::Type { .. }));
}

#[test]
fn inputs_need_a_type_of_known_rank() {
    let shape = |dims: &[Dim]| TensorType::new(DataType::Float, dims).to_proto("input");
    let untyped = after_graph(|graph| graph.input[0].r#type = None);
    assert!(matches!(untyped, CheckError::Type { .. }));
    let shapeless = after_graph(|graph| {
        let ty = graph.input[0].r#type.as_mut().unwrap();
        let Some(type_proto::Value::TensorType(tensor)) = &mut ty.value else {
            panic!("not a tensor");
        };
        tensor.shape = None;
    });
    assert!(matches!(shapeless, CheckError::Type { .. }));
    let flat = after_graph(|graph| graph.input[0] = shape(&[3.into()]));
    assert!(
        flat.to_string().contains("the input is not [batch, channels"),
        "{flat}"
    );
    let tiny = after_graph(|graph| graph.input[0] = shape(&[1.into(), 3.into(), 0.into(), 0.into()]));
    assert!(tiny.to_string().contains("does not fit"), "{tiny}");
}

#[test]
fn operators_must_be_known() {
    assert_eq!(
        after_conv(|node| node.op_type = Some("Loop".into())),
        NodeError::UnknownOp
    );
    assert_eq!(after_conv(|node| node.op_type = None), NodeError::UnknownOp);
    let domain = after_graph(|graph| graph.node[0].domain = Some("com.microsoft".into()));
    assert_eq!(domain, CheckError::Domain("com.microsoft".into()));
    let without_result = after_graph(|graph| graph.node[0].output.clear());
    assert!(
        matches!(without_result, CheckError::Undefined { .. }),
        "{without_result}"
    );
    let many = after_conv(|node| node.input.push(node.input[0].clone()));
    let expected = NodeError::Inputs {
        found: 4,
        least: 2,
        most: 3,
    };
    assert_eq!(many, expected);
}

#[test]
fn attributes_must_make_sense() {
    let is_attribute = |error: NodeError, expected: &str| match error {
        NodeError::Attribute { name, .. } => assert_eq!(name, expected),
        error => panic!("{error}"),
    };
    is_attribute(
        after_conv(|node| node.attribute[0].name = Some("padding".into())),
        "padding",
    );
    is_attribute(
        after_conv(|node| node.attribute.push(node.attribute[0].clone())),
        "group",
    );
    is_attribute(after_conv(|node| node.attribute[0].i = Some(0)), "group");
    is_attribute(after_conv(|node| node.attribute[0].i = Some(i64::MIN)), "group");
    is_attribute(after_conv(|node| node.attribute[0].r#type = None), "group");
    is_attribute(after_conv(|node| set_ints(node, "pads", &[1, 1, 1])), "pads");
    is_attribute(after_conv(|node| set_ints(node, "pads", &[-1, 1, 1, 1])), "pads");
    is_attribute(
        after_conv(|node| set_ints(node, "kernel_shape", &[3, 1])),
        "kernel_shape",
    );
}

#[test]
fn shapes_that_do_not_fit_are_noticed() {
    let is_types = |error| assert!(matches!(error, NodeError::Types { .. }), "{error}");
    is_types(after_conv(|node| node.attribute[0].i = Some(3)));
    is_types(after_conv(|node| set_ints(node, "strides", &[0, 2])));
    is_types(after_conv(|node| set_ints(node, "pads", &[i64::MAX; 4])));
    let gemm = after_graph(|graph| {
        let gemm = graph.node.last_mut().unwrap();
        gemm.attribute[0].i = Some(0);
    });
    assert!(gemm.to_string().contains("inner dimensions differ"), "{gemm}");
}

#[test]
fn every_operator_refuses_foreign_inputs() {
    let weights = fixtures::weights(Architecture::new(Alpha::Quarter, 3), Metadata::default());
    let options = ExportOptions {
        fold: false,
        precision: crate::Precision::Fp16,
        input: InputKind::Uint8,
        opset: crate::ANTIALIASED_RESIZE,
        size: crate::InputSize::Resized,
        softmax: true,
        ..ExportOptions::default()
    };
    let crop = mbn_spec::Preprocess {
        resize: mbn_spec::Resize::Crop,
        ..mbn_spec::Preprocess::default()
    };
    let metadata = Metadata {
        preprocess: Some(crop),
        ..Metadata::default()
    };
    let weights = weights.with_metadata(metadata).unwrap();
    let proto = export(&weights, &options).unwrap().proto().clone();
    let nodes = proto.graph.as_ref().unwrap().node.len();
    let mut ops = BTreeSet::new();
    for i in 0..nodes {
        let mut proto = proto.clone();
        let node = &mut proto.graph.as_mut().unwrap().node[i];
        ops.insert(node.op_type().to_owned());
        let surplus = node.input[0].clone();
        node.input.extend(std::iter::repeat_n(surplus, 6));
        let error = check(&Model::from(proto)).unwrap_err();
        assert!(matches!(error, CheckError::Node { .. }), "{error}");
    }
    assert_eq!(ops.len(), 19, "{ops:?}");
}
