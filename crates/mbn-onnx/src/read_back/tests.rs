use mbn_spec::{Activation, Alpha, Architecture, Variant};

use super::*;
use crate::proto::{ModelProto, tensor_shape_proto, type_proto};
use crate::{export, fixtures};

fn small() -> Weights {
    fixtures::weights(Architecture::new(Alpha::Quarter, 3), Metadata::default())
}

#[test]
fn weights_come_back_from_every_float32_model() {
    let weights = small();
    for options in fixtures::all_options() {
        let model = Model::from_bytes(&fixtures::export_any(&weights, &options).to_bytes()).unwrap();
        assert_eq!(model.written().unwrap().options, options);
        match options.precision {
            Precision::Fp32 => assert_eq!(model.to_folded().unwrap(), weights.fold(), "{options:?}"),
            Precision::Fp16 | Precision::Int8 => {
                assert!(matches!(model.to_folded(), Err(FoldedError::Precision)))
            }
        }
    }
}

/// Layers that stay float32 in several places: the first, two in a row, the last ones, all of a kind, all.
fn float_layers(architecture: &Architecture) -> Vec<LayerSet> {
    let sets: [&[&str]; 6] = [
        &["stem"],
        &["blocks.3.pointwise", "blocks.4.depthwise"],
        &["blocks.13", "fc"],
        &["fc"],
        &["blocks.12.pointwise", "blocks.13.pointwise"],
        &["stem", "blocks.1", "fc"],
    ];
    let sets = sets.map(|names| LayerSet::from_names(architecture, names.iter().copied()).unwrap());
    sets.into_iter().chain([LayerSet::NONE]).collect()
}

#[test]
fn quantised_weights_come_back_with_their_float_layers() {
    for activation in [Activation::Relu, Activation::Relu6] {
        let variant = Variant {
            activation,
            ..Variant::default()
        };
        let architecture = Architecture {
            variant,
            ..Architecture::new(Alpha::Quarter, 3)
        };
        let metadata = Metadata {
            variant: Some(variant),
            ..Metadata::default()
        };
        let weights = fixtures::weights(architecture, metadata);
        for keep_float in float_layers(&architecture) {
            let options = ExportOptions {
                precision: Precision::Int8,
                keep_float,
                features: true,
                ..ExportOptions::default()
            };
            let exporter = fixtures::exporter(&weights, keep_float);
            let model = Model::from_bytes(&exporter.export(&options).unwrap().to_bytes()).unwrap();
            let written = model.written().unwrap();
            assert_eq!(written.options, options);
            let (found, expected) = (written.quantized.unwrap(), exporter.quantized().unwrap());
            assert_eq!(found.layers, expected.layers);
            assert_eq!(found.float_layers(), keep_float);
            assert_eq!(written.weights, found.to_floats());
            assert_eq!(model.quantization().unwrap().calibration, "none");
        }
    }
}

#[test]
fn an_int8_model_with_other_numbers_is_refused() {
    let weights = small();
    let options = ExportOptions {
        precision: Precision::Int8,
        ..ExportOptions::default()
    };
    let model = fixtures::export_any(&weights, &options);
    let changed = |name: &str, change: fn(&mut Vec<u8>)| {
        let mut proto = model.proto().clone();
        let mut tensors = proto.graph.as_mut().unwrap().initializer.iter_mut();
        change(
            tensors
                .find(|tensor| tensor.name() == name)
                .unwrap()
                .raw_data
                .as_mut()
                .unwrap(),
        );
        Model::from(proto).written().unwrap_err().to_string()
    };
    // A weight with which sums of products saturate on some processors.
    let message = changed("model.3.3.weight", |data| data[5] = 65);
    assert!(
        message.contains("weight 65") && message.contains("saturate"),
        "{message}"
    );
    let message = changed("model.3.3.bias.scale", |data| data[0] ^= 1);
    assert!(
        message.contains("`model.3.3.bias.scale` is not the product"),
        "{message}"
    );
    let message = changed("stem.relu.scale", |data| {
        data.copy_from_slice(&f32::NAN.to_le_bytes())
    });
    assert!(!message.is_empty());
    let message = changed("bytes.zero_point", |data| data[0] = 1);
    assert!(message.contains("`bytes.zero_point`"), "{message}");
}

/// As earlier versions named them.
#[test]
fn nodes_and_values_between_them_may_have_other_names() {
    let weights = small();
    for fold in [true, false] {
        let options = ExportOptions {
            fold,
            features: true,
            ..ExportOptions::default()
        };
        let mut proto = export(&weights, &options).unwrap().proto().clone();
        let graph = proto.graph.as_mut().unwrap();
        graph.value_info.clear();
        let outputs: Vec<_> = graph
            .output
            .iter()
            .map(|output| output.name().to_owned())
            .collect();
        let between: BTreeSet<_> = graph.node.iter().flat_map(|node| node.output.clone()).collect();
        for node in &mut graph.node {
            node.name = None;
            node.doc_string = None;
            for name in node.input.iter_mut().chain(&mut node.output) {
                if between.contains(name) && !outputs.contains(name) {
                    *name = format!("/{name}/output");
                }
            }
        }
        assert_eq!(Model::from(proto.clone()).to_folded().unwrap(), weights.fold());

        // The same nodes in another order of their weights are another network.
        let graph = proto.graph.as_mut().unwrap();
        let with_weights = |name: &str| {
            let mut nodes = graph.node.iter();
            nodes
                .position(|node| node.input.iter().any(|input| input == name))
                .unwrap()
        };
        let (one, other) = (with_weights("model.8.3.weight"), with_weights("model.9.3.weight"));
        for input in 1..graph.node[one].input.len() {
            let name = graph.node[one].input[input].clone();
            graph.node[one].input[input] = std::mem::replace(&mut graph.node[other].input[input], name);
        }
        let message = Model::from(proto).to_folded().unwrap_err().to_string();
        assert!(message.contains("do not match"), "{message}");
    }
}

#[test]
fn a_changed_graph_is_refused() {
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
        proto.graph.as_mut().unwrap().value_info.remove(1);
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
        let graph = proto.graph.as_mut().unwrap();
        graph.node[0].attribute[2].ints = vec![0, 0, 1, 1];
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
        panic!("the output is not a tensor");
    };
    let classes = &mut output.shape.as_mut().unwrap().dim[1];
    classes.value = Some(tensor_shape_proto::Value::DimValue(0));
    let message = Model::from(proto).to_folded().unwrap_err().to_string();
    assert!(message.contains("has no class"), "{message}");
}

#[test]
fn normalisation_that_contradicts_the_metadata_is_refused() {
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
