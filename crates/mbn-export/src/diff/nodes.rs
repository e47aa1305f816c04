//! Comparison of nodes by what they make, for graphs and for functions.

use std::collections::{BTreeMap, BTreeSet};

use mbn_onnx::proto::{AttributeProto, NodeProto};
use mbn_spec::text::listed;

use crate::show::printable;

/// Names that a line holds.
const NAMED: usize = 6;

/// Nodes by the name of their first result.
pub(super) fn by_result(nodes: &[NodeProto]) -> BTreeMap<&str, &NodeProto> {
    nodes
        .iter()
        .filter_map(|node| Some((node.output.first()?.as_str(), node)))
        .collect()
}

/// Whether two nodes do the same, whatever the order and the descriptions of their attributes.
pub(super) fn same(a: &NodeProto, b: &NodeProto) -> bool {
    (a.op_type(), domain(a.domain()), &a.input, &a.output)
        == (b.op_type(), domain(b.domain()), &b.input, &b.output)
        && plain(&a.attribute) == plain(&b.attribute)
}

/// Attributes without their order and descriptions.
pub(super) fn plain(attributes: &[AttributeProto]) -> Vec<AttributeProto> {
    let mut attributes = attributes.to_vec();
    attributes
        .iter_mut()
        .for_each(|attribute| attribute.doc_string = None);
    attributes.sort_by(|a, b| a.name().cmp(b.name()));
    attributes
}

/// ONNX's own operators have two names for their domain.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// Names the entries that one of the two has alone.
pub(super) fn only<T>(what: &str, a: &BTreeMap<&str, T>, b: &BTreeMap<&str, T>, lines: &mut Vec<String>) {
    let names = |of: &BTreeMap<&str, T>, other: &BTreeMap<&str, T>| -> Vec<String> {
        let (of, other): (BTreeSet<_>, BTreeSet<_>) = (of.keys().collect(), other.keys().collect());
        of.difference(&other).map(|name| (**name).to_owned()).collect()
    };
    for (file, names) in [("first", names(a, b)), ("second", names(b, a))] {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        say(&format!("only the {file} file has these {what}s"), &names, lines);
    }
}

/// Names what a line is about, if anything.
pub(super) fn say(what: &str, names: &[&str], lines: &mut Vec<String>) {
    if !names.is_empty() {
        let quoted = names.iter().map(|name| format!("`{}`", printable(name)));
        lines.push(format!("{what}: {}", listed(quoted, NAMED)));
    }
}
