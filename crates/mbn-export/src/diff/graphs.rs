//! In what two graphs differ before they run.

use std::collections::BTreeMap;

use mbn_onnx::Model;
use mbn_onnx::proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto};

use super::functions;
use super::nodes::{by_result, domain, only, same, say};
use crate::show::printable;

/// The differences in structure, a line each.
pub(super) fn differences(a: &Model, b: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    let (a, b) = (a.proto(), b.proto());
    let (versions_a, versions_b) = (versions(a), versions(b));
    if versions_a != versions_b {
        lines.push(format!("the versions differ: {versions_a}; {versions_b}"));
    }
    lines.extend(functions::differences(a, b));
    let (Some(a), Some(b)) = (&a.graph, &b.graph) else {
        return lines;
    };
    let (nodes_a, nodes_b) = (by_result(&a.node), by_result(&b.node));
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
        .filter(|(_, a, b)| shape(a) == shape(b) && !same_elements(a, b))
        .map(|(name, ..)| name)
        .collect();
    say("these constants differ in their values", &values, &mut lines);
    if a.sparse_initializer != b.sparse_initializer {
        lines.push("the sparse constants differ".to_owned());
    }
    for (what, a, b) in [("inputs", &a.input, &b.input), ("outputs", &a.output, &b.output)] {
        let list = |infos: &[ValueInfoProto]| {
            let texts: Vec<_> = infos.iter().map(crate::show::value).collect();
            texts.join(", ")
        };
        let (a, b) = (list(a), list(b));
        if a != b {
            lines.push(format!("the {what} differ: {a}; {b}"));
        }
    }
    lines
}

fn constants(graph: &GraphProto) -> BTreeMap<&str, &TensorProto> {
    graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name(), tensor))
        .collect()
}

/// Whether two constants have the same elements, in whichever field these are.
fn same_elements(a: &TensorProto, b: &TensorProto) -> bool {
    match (a.element_bytes(), b.element_bytes()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => (&a.string_data, &a.external_data) == (&b.string_data, &b.external_data),
        _ => false,
    }
}

/// IR and operator sets, such as `IR 8, opset 17, ai.onnx.ml 3`.
fn versions(model: &ModelProto) -> String {
    let mut sets: Vec<_> = model
        .opset_import
        .iter()
        .map(|set| (domain(set.domain()), set.version()))
        .collect();
    sets.sort_unstable();
    let sets = sets.iter().map(|(domain, version)| match *domain {
        "" => format!(", opset {version}"),
        domain => format!(", {} {version}", printable(domain)),
    });
    format!("IR {}{}", model.ir_version(), sets.collect::<String>())
}

#[cfg(test)]
mod tests;
