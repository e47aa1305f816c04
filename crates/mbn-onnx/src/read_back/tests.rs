use mbn_spec::{Alpha, Architecture};

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
        let model = Model::from_bytes(&export(&weights, &options).unwrap().to_bytes()).unwrap();
        assert_eq!(model.written().unwrap().options, options);
        match options.precision {
            Precision::Fp32 => assert_eq!(model.to_folded().unwrap(), weights.fold(), "{options:?}"),
            Precision::Fp16 => assert!(matches!(model.to_folded(), Err(FoldedError::Precision))),
        }
    }
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
