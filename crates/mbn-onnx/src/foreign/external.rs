//! The files beside a model that hold the data of its constants.

use std::collections::BTreeSet;

use super::functions::Functions;
use crate::Model;
use crate::proto::{GraphProto, NodeProto, TensorProto};

/// Where constants of the model have their data, as the model says it: paths relative to its folder, which nothing has checked.
pub fn external_files(model: &Model) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    model
        .graph()
        .into_iter()
        .for_each(|graph| of_graph(graph, &mut files));
    for (_, function) in Functions::of(model.proto()).iter() {
        of_nodes(&function.node, &mut files);
    }
    files
}

fn of_graph(graph: &GraphProto, files: &mut BTreeSet<String>) {
    of_tensors(&graph.initializer, files);
    of_nodes(&graph.node, files);
}

fn of_nodes(nodes: &[NodeProto], files: &mut BTreeSet<String>) {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        of_tensors(
            attribute.t.as_deref().into_iter().chain(&attribute.tensors),
            files,
        );
        attribute.subgraphs().for_each(|graph| of_graph(graph, files));
    }
}

fn of_tensors<'a>(tensors: impl IntoIterator<Item = &'a TensorProto>, files: &mut BTreeSet<String>) {
    let entries = tensors.into_iter().flat_map(|tensor| &tensor.external_data);
    let locations = entries.filter(|entry| entry.key() == "location");
    files.extend(locations.map(|entry| entry.value().to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{AttributeProto, ModelProto, StringStringEntryProto};

    fn tensor(location: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        TensorProto {
            external_data: vec![entry("location", location), entry("offset", "0")],
            ..TensorProto::default()
        }
    }

    #[test]
    fn files_of_initializers_and_of_nodes_in_any_graph_are_found() {
        let node = |attribute| NodeProto {
            attribute: vec![attribute],
            ..NodeProto::default()
        };
        let inner = GraphProto {
            initializer: vec![tensor("inner.bin"), TensorProto::default()],
            ..GraphProto::default()
        };
        let constant = AttributeProto {
            t: Some(Box::new(tensor("constant.bin"))),
            ..AttributeProto::default()
        };
        let branch = AttributeProto {
            g: Some(Box::new(inner)),
            ..AttributeProto::default()
        };
        let graph = GraphProto {
            initializer: vec![tensor("m.onnx.data"), tensor("m.onnx.data")],
            node: vec![node(constant), node(branch)],
            ..GraphProto::default()
        };
        let model = Model::from(ModelProto {
            graph: Some(graph),
            ..ModelProto::default()
        });
        let found: Vec<_> = external_files(&model).into_iter().collect();
        assert_eq!(found, ["constant.bin", "inner.bin", "m.onnx.data"]);
    }
}
