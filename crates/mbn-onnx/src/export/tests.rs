use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant};
use mbn_weights::Weights;

use super::*;
use crate::proto::{AttributeProto, NodeProto};
use crate::{Dim, InputKind, Precision, checker, fixtures};

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
    for options in fixtures::all_options() {
        let bytes = export(&small(), &options).unwrap().to_bytes();
        assert_eq!(bytes, export(&small(), &options).unwrap().to_bytes());
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
    }
}

#[test]
fn every_combination_of_options_passes_the_checker() {
    for options in fixtures::all_options() {
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
