use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant};
use mbn_weights::Weights;

use super::*;
use crate::proto::{AttributeProto, NodeProto};
use crate::{ANTIALIASED_RESIZE, Dim, InputKind, OptionsError, Precision, checker, fixtures};

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
        let bytes = fixtures::export_any(&small(), &options).to_bytes();
        assert_eq!(bytes, fixtures::export_any(&small(), &options).to_bytes());
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
    }
}

#[test]
fn every_combination_of_options_passes_the_checker() {
    for options in fixtures::all_options() {
        let model = fixtures::export_any(&small(), &options);
        let report = checker::check(&model).unwrap();
        let (name, input) = &report.inputs[0];
        assert_eq!(name, "input");
        let expected = match (options.input, options.size) {
            (InputKind::Float, InputSize::Fixed) => "float32 [batch, 3, 224, 224]",
            (InputKind::Float, _) => "float32 [batch, 3, height, width]",
            (InputKind::Uint8, InputSize::Fixed) => "uint8 [batch, 224, 224, 3]",
            (InputKind::Uint8, _) => "uint8 [batch, height, width, 3]",
        };
        assert_eq!(input.to_string(), expected);
        let mut outputs = vec!["logits float32 [batch, 3]"];
        if options.softmax {
            outputs.push("probabilities float32 [batch, 3]");
        }
        if options.features {
            outputs.push("features float32 [batch, 256]");
        }
        let found: Vec<_> = report.outputs.iter().map(text).collect();
        assert_eq!(found, outputs, "{options:?}");
    }
}

fn text((name, ty): &(String, crate::TensorType)) -> String {
    format!("{name} {ty}")
}

/// Every value but constants, inputs and outputs has a stated type, and those whose size follows from the input's a known one.
#[test]
fn every_value_has_a_shape_and_every_name_says_where_it_comes_from() {
    for options in fixtures::all_options() {
        let model = fixtures::export_any(&small(), &options);
        let graph = model.graph().unwrap();
        let stated: Vec<_> = graph.value_info.iter().map(|info| info.name()).collect();
        let outputs: Vec<_> = graph.output.iter().map(|info| info.name()).collect();
        for node in nodes(&model) {
            let value = node.output[0].as_str();
            assert!(stated.contains(&value) != outputs.contains(&value), "{value}");
            let layer = [
                "stem",
                "blocks.",
                "preprocess.",
                "input.",
                "features",
                "logits",
                "classifier.",
            ]
            .iter()
            .any(|start| node.name().starts_with(start));
            assert!(
                layer || ["pool", "flatten", "fc", "softmax"].contains(&node.name()),
                "{}",
                node.name()
            );
        }
        for info in &graph.value_info {
            let ty = crate::TensorType::from_proto(info).unwrap();
            let unknown = ["preprocess.whole", "preprocess.centre"].contains(&info.name());
            assert_eq!(ty.shape.contains(&Dim::Unknown), unknown, "{} {ty}", info.name());
        }
        let ty = graph
            .value_info
            .iter()
            .find(|info| info.name() == "blocks.3.depthwise")
            .unwrap();
        let ty = crate::TensorType::from_proto(ty).unwrap();
        let elem = if options.precision == Precision::Fp16 {
            "float16"
        } else {
            "float32"
        };
        let sides = match options.size {
            InputSize::Any => "ceil_height_4, ceil_width_4",
            _ => "56, 56",
        };
        assert_eq!(ty.to_string(), format!("{elem} [batch, 32, {sides}]"));
    }
}

#[test]
fn a_model_describes_itself() {
    let options = ExportOptions {
        opset: ANTIALIASED_RESIZE,
        input: InputKind::Uint8,
        size: InputSize::Resized,
        features: true,
        ..ExportOptions::default()
    };
    let model = export(&small(), &options).unwrap();
    let text = model.proto().doc_string();
    assert!(
        text.starts_with("MobileNetV1 alpha 0.25 with 3 classes. `input`: RGB pictures of any size as bytes"),
        "{text}"
    );
    assert!(
        text.contains("`features`") && !text.contains("`probabilities`"),
        "{text}"
    );
    assert!(model.resizes_inside());
    let stem = &nodes(&model)[5];
    assert_eq!(stem.name(), "stem");
    assert_eq!(
        stem.doc_string(),
        "`model.0.0` of the weight file with `model.0.1` folded in"
    );
}

#[test]
fn a_batch_may_be_fixed() {
    let options = ExportOptions {
        batch: Some(7),
        softmax: true,
        ..ExportOptions::default()
    };
    let report = checker::check(&export(&small(), &options).unwrap()).unwrap();
    assert_eq!(text(&report.inputs[0]), "input float32 [7, 3, 224, 224]");
    assert_eq!(text(&report.outputs[1]), "probabilities float32 [7, 3]");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let resized = ExportOptions {
        input: InputKind::Uint8,
        size: InputSize::Resized,
        ..ExportOptions::default()
    };
    let refused = |options: ExportOptions| export(&small(), &options).unwrap_err();
    let message = refused(resized).to_string();
    assert!(
        message.contains("opset 17") && message.contains("opset 18"),
        "{message}"
    );
    let float = ExportOptions {
        input: InputKind::Float,
        opset: ANTIALIASED_RESIZE,
        ..resized
    };
    assert_eq!(refused(float), OptionsError::ResizeFloat.into());
    let empty = ExportOptions {
        batch: Some(0),
        ..ExportOptions::default()
    };
    assert_eq!(refused(empty), OptionsError::NoBatch.into());
}

#[test]
fn int8_needs_quantised_weights_of_this_network_and_folding() {
    let weights = small();
    let int8 = ExportOptions {
        precision: Precision::Int8,
        ..ExportOptions::default()
    };
    assert_eq!(export(&weights, &int8), Err(ExportError::NotQuantized));
    let unfolded = ExportOptions { fold: false, ..int8 };
    assert_eq!(unfolded.validate(), Err(OptionsError::UnfoldedBytes));
    let float = ExportOptions {
        keep_float: mbn_spec::LayerSet::NONE.with(3),
        ..int8
    };
    assert!(float.validate().is_ok());
    let not_int8 = ExportOptions {
        precision: Precision::Fp32,
        ..float
    };
    assert_eq!(not_int8.validate(), Err(OptionsError::FloatLayers));
    let others = fixtures::exporter(&weights, int8.keep_float).export(&float);
    assert!(matches!(others, Err(ExportError::Quantized(_))), "{others:?}");
}

/// Every convolution lies between `DequantizeLinear` and `QuantizeLinear`, as engines need it to compute on bytes.
#[test]
fn an_int8_graph_has_bytes_around_every_layer() {
    let options = ExportOptions {
        precision: Precision::Int8,
        ..ExportOptions::default()
    };
    let model = fixtures::export_any(&small(), &options);
    let count = |op| nodes(&model).iter().filter(|node| node.op_type() == op).count();
    // The image, 27 convolutions, the features; and weight and bias of 28 layers.
    assert_eq!(
        (count("QuantizeLinear"), count("DequantizeLinear")),
        (29, 29 + 56)
    );
    assert_eq!((count("Conv"), count("Relu"), count("Clip")), (27, 27, 0));
    let maker = |value: &str| {
        nodes(&model)
            .iter()
            .find(|node| node.output[0] == value)
            .unwrap()
            .op_type()
    };
    for conv in nodes(&model)
        .iter()
        .filter(|node| ["Conv", "Gemm", "GlobalAveragePool"].contains(&node.op_type()))
    {
        assert!(
            conv.input.iter().all(|input| maker(input) == "DequantizeLinear"),
            "{}",
            conv.name()
        );
    }
    let readers = |value: &str| {
        let reads = |node: &&NodeProto| node.input.iter().any(|input| input == value);
        nodes(&model)
            .iter()
            .filter(reads)
            .map(|node| node.op_type().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(readers("pool"), ["QuantizeLinear"]);
    let features = ExportOptions {
        features: true,
        ..options
    };
    let with_features = fixtures::export_any(&small(), &features);
    let features: Vec<_> = nodes(&with_features)
        .iter()
        .filter(|node| node.output[0] == "features")
        .collect();
    assert_eq!(
        (features.len(), features[0].op_type()),
        (1, "Flatten"),
        "the features are floats"
    );
    let description = model.proto().doc_string();
    assert!(
        description.ends_with("weights are int8, values between layers uint8."),
        "{description}"
    );
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
        std: [0.5, 1.0, 0.25],
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
        [1.0 / 127.5, 1.0 / 255.0, 1.0 / 63.75]
    );
    assert_eq!(constant("preprocess.offset"), [-1.0, -0.25, -0.5]);
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
    for opset in 10..=27 {
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
                assert!(matches!(error, ExportError::Options(OptionsError::Opset(_))));
            }
        }
    }
}

/// The quantised weights of `fixtures`, each channel before the classifier divided by a number of its own, which the classifier
/// undoes: the logits stay what they are.
fn with_scaled_features(weights: &Weights, float: mbn_spec::LayerSet) -> Exporter<'_> {
    use mbn_weights::QuantizedLayer;
    let mut quantized = fixtures::exporter(weights, float).quantized().unwrap().clone();
    let divisor = |channel: usize| [0.25f32, 1.0, 3.0][channel % 3];
    let features = weights.architecture().features();
    match &mut quantized.layers[26] {
        QuantizedLayer::Bytes(layer) => {
            let scales = layer.scales.iter_mut().enumerate();
            scales.for_each(|(channel, scale)| *scale /= divisor(channel));
        }
        QuantizedLayer::Float(_) => unreachable!(),
    }
    let scaled = |(i, weight): (usize, &f32)| weight * divisor(i % features);
    let wanted: Vec<f32> = weights.fold().fc_weight.iter().enumerate().map(scaled).collect();
    match &mut quantized.layers[27] {
        QuantizedLayer::Float(conv) => conv.weight = wanted,
        QuantizedLayer::Bytes(layer) => {
            let rows = layer
                .weight
                .chunks_exact_mut(features)
                .zip(wanted.chunks_exact(features));
            for ((steps, row), scale) in rows.zip(&mut layer.scales) {
                let largest = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
                *scale = largest / f32::from(mbn_spec::LARGEST_WEIGHT);
                for (step, weight) in steps.iter_mut().zip(row) {
                    *step = (weight / *scale).round() as i8;
                }
            }
        }
    }
    Exporter::new(weights).with_quantized(quantized, Quantization::default())
}

#[test]
fn features_whose_channels_are_scaled_are_refused() {
    let weights = small();
    for keep_float in [mbn_spec::LayerSet::NONE, mbn_spec::LayerSet::NONE.with(27)] {
        let options = ExportOptions {
            precision: Precision::Int8,
            keep_float,
            ..ExportOptions::default()
        };
        let features = ExportOptions {
            features: true,
            ..options
        };
        let scaled = with_scaled_features(&weights, keep_float);
        assert!(scaled.export(&options).is_ok(), "the logits are the network's");
        let error = scaled.export(&features).unwrap_err().to_string();
        assert!(
            error.contains("`features`") && error.contains("scaled"),
            "{error}"
        );
        let own = fixtures::exporter(&weights, keep_float).export(&features);
        assert!(own.is_ok(), "{:?}", own.err());
    }
}
