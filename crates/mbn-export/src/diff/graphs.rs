//! In what two graphs differ before they run.

use std::collections::{BTreeMap, BTreeSet};

use mbn_onnx::Model;
use mbn_onnx::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto};
use mbn_spec::text::listed;

use crate::show::printable;

/// Names that a line holds.
const NAMED: usize = 6;

/// The differences in structure, a line each.
pub(super) fn differences(a: &Model, b: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    let (a, b) = (a.proto(), b.proto());
    let opset = |model: &mbn_onnx::proto::ModelProto| -> Vec<(String, i64)> {
        let imports = model.opset_import.iter();
        imports
            .map(|import| (import.domain().to_owned(), import.version()))
            .collect()
    };
    if opset(a) != opset(b) || a.ir_version != b.ir_version {
        lines.push(format!(
            "the versions differ: IR {} and opset {:?}, IR {} and opset {:?}",
            a.ir_version(),
            opset(a),
            b.ir_version(),
            opset(b)
        ));
    }
    let (Some(a), Some(b)) = (&a.graph, &b.graph) else {
        return lines;
    };
    let (nodes_a, nodes_b) = (by_result(a), by_result(b));
    only("node", &nodes_a, &nodes_b, &mut lines);
    let shared = nodes_a
        .iter()
        .filter_map(|(name, node)| Some((*name, *node, *nodes_b.get(name)?)));
    let differ: Vec<_> = shared
        .filter(|(_, a, b)| !same(a, b))
        .map(|(name, ..)| name)
        .collect();
    say(
        "the nodes of these results differ in operator, inputs or attributes",
        &differ,
        &mut lines,
    );
    let (constants_a, constants_b) = (constants(a), constants(b));
    only("constant", &constants_a, &constants_b, &mut lines);
    let shape = |tensor: &TensorProto| (tensor.dims.clone(), tensor.data_type);
    let both = || {
        constants_a
            .iter()
            .filter_map(|(name, a)| Some((*name, *a, *constants_b.get(name)?)))
    };
    let shapes: Vec<_> = both()
        .filter(|(_, a, b)| shape(a) != shape(b))
        .map(|(name, ..)| name)
        .collect();
    say("these constants differ in type or shape", &shapes, &mut lines);
    let values: Vec<_> = both()
        .filter(|(_, a, b)| shape(a) == shape(b) && a != b)
        .map(|(name, ..)| name)
        .collect();
    say("these constants differ in their values", &values, &mut lines);
    for (what, a, b) in [("inputs", &a.input, &b.input), ("outputs", &a.output, &b.output)] {
        let list = |infos: &[ValueInfoProto]| {
            let texts: Vec<_> = infos.iter().map(crate::show::value).collect();
            texts.join(", ")
        };
        if a != b {
            lines.push(format!("the {what} differ: {}; {}", list(a), list(b)));
        }
    }
    lines
}

/// Nodes by the name of their first result.
fn by_result(graph: &GraphProto) -> BTreeMap<&str, &NodeProto> {
    let nodes = graph.node.iter();
    nodes
        .filter_map(|node| Some((node.output.first()?.as_str(), node)))
        .collect()
}

fn constants(graph: &GraphProto) -> BTreeMap<&str, &TensorProto> {
    graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name(), tensor))
        .collect()
}

fn same(a: &NodeProto, b: &NodeProto) -> bool {
    (a.op_type(), a.domain(), &a.input, &a.output, &a.attribute)
        == (b.op_type(), b.domain(), &b.input, &b.output, &b.attribute)
}

fn only<T>(what: &str, a: &BTreeMap<&str, T>, b: &BTreeMap<&str, T>, lines: &mut Vec<String>) {
    let names = |of: &BTreeMap<&str, T>, other: &BTreeMap<&str, T>| -> Vec<String> {
        let (of, other): (BTreeSet<_>, BTreeSet<_>) = (of.keys().collect(), other.keys().collect());
        of.difference(&other).map(|name| (**name).to_owned()).collect()
    };
    for (file, names) in [("first", names(a, b)), ("second", names(b, a))] {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        say(&format!("only the {file} file has these {what}s"), &names, lines);
    }
}

fn say(what: &str, names: &[&str], lines: &mut Vec<String>) {
    if !names.is_empty() {
        let quoted = names.iter().map(|name| format!("`{}`", printable(name)));
        lines.push(format!("{what}: {}", listed(quoted, NAMED)));
    }
}
