use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant};
use mbn_weights::Weights;

use super::*;
use crate::proto::{AttributeProto, NodeProto, tensor_shape_proto, type_proto};
use crate::{Dim, FoldedError, InputKind, Precision, checker, fixtures};

fn sample(architecture: Architecture) -> Weights {
    fixtures::weights(architecture, Metadata::default())
}

fn small() -> Weights {
    sample(Architecture::new(Alpha::Quarter, 3))
}

fn nodes(model: &Model) -> &[NodeProto] {
    &model.graph().unwrap().node
}

fn ints(node: &NodeProto, name: &str) -> Vec<i64> {
    let find = |attribute: &&AttributeProto| attribute.name() == name;
    node.attribute.iter().find(find).unwrap().ints.clone()
}

fn all_options() -> Vec<ExportOptions> {
    let mut all = Vec::new();
    for fold in [true, false] {
        for precision in [Precision::Fp32, Precision::Fp16] {
            for input in [InputKind::Float, InputKind::Uint8] {
                for softmax in [false, true] {
                    all.push(ExportOptions {
                        fold,
                        precision,
                        input,
                        softmax,
                        ..ExportOptions::default()
                    });
                }
            }
        }
    }
    all
}

#[test]
fn the_default_is_the_contract() {
    let weights = small();
    let model = export(&weights, &ExportOptions::default()).unwrap();
    let report = checker::check(&model).unwrap();
    assert_eq!((report.opset, report.ir_version), (17, 8));
    let text = |(name, ty): &(String, crate::TensorType)| format!("{name} {ty}");
    assert_eq!(
        report.inputs.iter().map(text).collect::<Vec<_>>(),
        ["input float32 [batch, 3, 224, 224]"]
    );
    assert_eq!(
        report.outputs.iter().map(text).collect::<Vec<_>>(),
        ["logits float32 [batch, 3]"]
    );

    assert_eq!(model.weights_sha256(), Some(weights.sha256().as_str()));
    let metadata = model.metadata().unwrap();
    assert_eq!(metadata.alpha, Some(Alpha::Quarter));
    assert_eq!(metadata.classes, Some(weights.class_names()));
    assert_eq!(metadata.preprocess, Some(Preprocess::default()));
    let keys: Vec<_> = model
        .proto()
        .metadata_props
        .iter()
        .map(|entry| entry.key())
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
}

#[test]
fn the_same_weights_give_the_same_bytes() {
    for options in all_options() {
        let bytes = export(&small(), &options).unwrap().to_bytes();
        assert_eq!(bytes, export(&small(), &options).unwrap().to_bytes());
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
    }
}

#[test]
fn every_combination_of_options_passes_the_checker() {
    for options in all_options() {
        let report = checker::check(&export(&small(), &options).unwrap()).unwrap();
        let (name, input) = &report.inputs[0];
        assert_eq!(name, "input");
        let expected = match options.input {
            InputKind::Float => "float32 [batch, 3, 224, 224]",
            InputKind::Uint8 => "uint8 [batch, 224, 224, 3]",
        };
        assert_eq!(input.to_string(), expected);
        let (name, output) = &report.outputs[0];
        assert_eq!(
            name,
            if options.softmax {
                "probabilities"
            } else {
                "logits"
            }
        );
        assert_eq!(output.to_string(), "float32 [batch, 3]", "{options:?}");
    }
}

#[test]
fn folding_leaves_no_batch_norm() {
    for fold in [true, false] {
        let options = ExportOptions {
            fold,
            ..ExportOptions::default()
        };
        let model = export(&small(), &options).unwrap();
        let count = |op| nodes(&model).iter().filter(|node| node.op_type() == op).count();
        assert_eq!(count("Conv"), 27);
        assert_eq!(count("Relu"), 27);
        assert_eq!(count("BatchNormalization"), if fold { 0 } else { 27 });
    }
}

#[test]
fn a_variant_changes_activation_epsilon_and_pads() {
    let variant = Variant {
        activation: Activation::Relu6,
        batch_norm_epsilon: 1e-3,
        stride2_padding: Stride2Padding::End,
    };
    let architecture = Architecture {
        variant,
        ..Architecture::new(Alpha::Quarter, 3)
    };
    let options = ExportOptions {
        fold: false,
        ..ExportOptions::default()
    };
    let model = export(&sample(architecture), &options).unwrap();
    checker::check(&model).unwrap();
    let convs: Vec<_> = nodes(&model)
        .iter()
        .filter(|node| node.op_type() == "Conv")
        .collect();
    assert_eq!(ints(convs[0], "pads"), [0, 0, 1, 1]);
    assert_eq!(ints(convs[1], "pads"), [1, 1, 1, 1]);
    assert_eq!(ints(convs[2], "pads"), [0, 0, 0, 0]);
    assert_eq!(ints(convs[3], "pads"), [0, 0, 1, 1]);
    assert_eq!(
        nodes(&model)
            .iter()
            .filter(|node| node.op_type() == "Clip")
            .count(),
        27
    );
    let norm = nodes(&model)
        .iter()
        .find(|node| node.op_type() == "BatchNormalization")
        .unwrap();
    assert_eq!(norm.attribute[0].f, Some(1e-3));
    assert_eq!(model.to_folded().unwrap(), sample(architecture).fold());
}

#[test]
fn size_and_statistics_come_from_the_preprocessing() {
    let preprocess = Preprocess {
        size: 96,
        mean: [0.5, 0.25, 0.125],
        std: [0.5, 1.0, 2.0],
        ..Preprocess::default()
    };
    let metadata = Metadata {
        preprocess: Some(preprocess),
        ..Metadata::default()
    };
    let weights = fixtures::weights(Architecture::new(Alpha::Quarter, 3), metadata);
    let options = ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    };
    let model = export(&weights, &options).unwrap();
    let report = checker::check(&model).unwrap();
    assert_eq!(report.inputs[0].1.shape[1], Dim::Fixed(96));
    let constant = |name: &str| {
        let tensors = &model.graph().unwrap().initializer;
        let tensor = tensors.iter().find(|tensor| tensor.name() == name).unwrap();
        let values = tensor.raw_data().as_chunks().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    assert_eq!(
        constant("preprocess.scale"),
        [1.0 / 127.5, 1.0 / 255.0, 1.0 / 510.0]
    );
    assert_eq!(constant("preprocess.offset"), [-1.0, -0.25, -0.0625]);
}

#[test]
fn weights_come_back_from_every_float32_model() {
    let weights = small();
    for options in all_options() {
        let model = Model::from_bytes(&export(&weights, &options).unwrap().to_bytes()).unwrap();
        match options.precision {
            Precision::Fp32 => assert_eq!(model.to_folded().unwrap(), weights.fold(), "{options:?}"),
            Precision::Fp16 => assert!(matches!(model.to_folded(), Err(FoldedError::Precision))),
        }
    }
}

#[test]
fn a_changed_graph_is_not_taken_for_ours() {
    let model = export(&small(), &ExportOptions::default()).unwrap();
    let change = |change: &dyn Fn(&mut ModelProto)| {
        let mut proto = model.proto().clone();
        change(&mut proto);
        Model::from(proto).to_folded().unwrap_err().to_string()
    };
    let without_relu = change(&|proto| {
        let nodes = &mut proto.graph.as_mut().unwrap().node;
        nodes[2].input[0] = nodes[0].output[0].clone();
        nodes.remove(1);
    });
    assert!(
        without_relu.contains("not one that `mbn-export` writes"),
        "{without_relu}"
    );
    let without_alpha = change(&|proto| proto.metadata_props.retain(|entry| entry.key() != "alpha"));
    assert!(without_alpha.contains("no `alpha`"), "{without_alpha}");
    let other_alpha = change(&|proto| {
        let mut entries = proto.metadata_props.iter_mut();
        entries.find(|entry| entry.key() == "alpha").unwrap().value = Some("0.5".into());
    });
    assert!(other_alpha.contains("alpha 0.5"), "{other_alpha}");
    let other_padding = change(&|proto| {
        let node = &mut proto.graph.as_mut().unwrap().node[0];
        node.attribute[2].ints = vec![0, 0, 1, 1];
    });
    assert!(other_padding.contains("do not match"), "{other_padding}");
}

#[test]
fn a_classifier_without_classes_is_refused() {
    let mut proto = export(&small(), &ExportOptions::default())
        .unwrap()
        .proto()
        .clone();
    let graph = proto.graph.as_mut().unwrap();
    for tensor in graph
        .initializer
        .iter_mut()
        .filter(|tensor| tensor.name().starts_with("fc."))
    {
        tensor.dims[0] = 0;
        tensor.raw_data = Some(Vec::new());
    }
    let Some(type_proto::Value::TensorType(output)) = &mut graph.output[0].r#type.as_mut().unwrap().value
    else {
        panic!("the output is no tensor");
    };
    let classes = &mut output.shape.as_mut().unwrap().dim[1];
    classes.value = Some(tensor_shape_proto::Value::DimValue(0));
    let message = Model::from(proto).to_folded().unwrap_err().to_string();
    assert!(message.contains("has no class"), "{message}");
}

#[test]
fn other_normalisation_than_the_metadata_says_is_noticed() {
    let options = ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    };
    let mut proto = export(&small(), &options).unwrap().proto().clone();
    let scale = &mut proto.graph.as_mut().unwrap().initializer[0];
    assert_eq!(scale.name(), "preprocess.scale");
    scale.raw_data.as_mut().unwrap()[0] ^= 1;
    let message = Model::from(proto).to_folded().unwrap_err().to_string();
    assert!(message.contains("`preprocess.scale` does not agree"), "{message}");
}

#[test]
fn values_that_the_precision_cannot_hold_are_named() {
    for (value, precision, fails) in [
        (65504.0, Precision::Fp16, false),
        (65520.0, Precision::Fp16, true),
        (65520.0, Precision::Fp32, false),
        (f32::NAN, Precision::Fp32, true),
        (f32::INFINITY, Precision::Fp32, true),
    ] {
        let weights = fixtures::weights_with(Architecture::new(Alpha::Quarter, 3), "fc.bias", value);
        let options = ExportOptions {
            precision,
            ..ExportOptions::default()
        };
        match export(&weights, &options) {
            Ok(_) => assert!(!fails, "{value} {precision}"),
            Err(error) => {
                assert!(fails, "{value} {precision}: {error}");
                assert!(error.to_string().contains("`fc.bias`"), "{error}");
            }
        }
    }
}

#[test]
fn every_supported_opset_is_written_and_no_other() {
    for opset in 12..=24 {
        let options = ExportOptions {
            opset,
            ..ExportOptions::default()
        };
        match export(&small(), &options) {
            Ok(model) => {
                assert!(crate::OPSETS.contains(&opset));
                assert_eq!(checker::check(&model).unwrap().opset, opset);
            }
            Err(error) => {
                assert!(!crate::OPSETS.contains(&opset));
                assert!(matches!(error, ExportError::Opset(_)));
            }
        }
    }
}
