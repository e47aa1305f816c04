//! Checks what holds for every ONNX graph, whatever its operators are: names, order, cycles, and the data of constants. It does
//! not trust the file: neither its lengths, nor the paths in it.

mod constant;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use crate::Model;
use crate::check_error::CheckError;
use crate::proto::{GraphProto, NodeProto};
pub use constant::External;

/// What a graph consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    /// Domains of operators, empty for ONNX's own, and their versions.
    pub opsets: Vec<(String, i64)>,
    /// Number of nodes of each operator; an operator of another domain has that before its name. Nodes of graphs in nodes count
    /// too.
    pub operators: BTreeMap<String, usize>,
    /// Constants and nodes on which no output depends.
    pub orphans: Vec<String>,
    /// Constants whose data is in other files.
    pub external: Vec<External>,
}

impl Structure {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.operators.values().sum()
    }
}

/// Checks the structure of a model. Its constants may lie in files in `folder`, or in none.
///
/// # Errors
/// [`CheckError`] for the first problem found.
pub fn structure(model: &Model, folder: Option<&Path>) -> Result<Structure, CheckError> {
    let proto = model.proto();
    let graph = proto.graph.as_ref().ok_or(CheckError::NoGraph)?;
    let mut structure = Structure::default();
    for import in &proto.opset_import {
        let domain = match import.domain() {
            "ai.onnx" => "",
            domain => domain,
        };
        if structure.opsets.iter().any(|(known, _)| known == domain) {
            return Err(CheckError::OpsetTwice);
        }
        structure.opsets.push((domain.to_owned(), import.version()));
    }
    if structure.opsets.is_empty() {
        return Err(CheckError::NoOpset);
    }
    if graph.output.is_empty() {
        return Err(CheckError::NoOutput);
    }
    let names = check_graph(graph, None, folder, &mut structure)?;
    structure.orphans = orphans(graph, &names);
    Ok(structure)
}

/// Names that a graph, and those around it, define.
struct Scope<'a> {
    names: &'a HashMap<&'a str, Option<usize>>,
    outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name) || self.outer.is_some_and(|outer| outer.has(name))
    }
}

/// The values of a graph, with the indexes of the nodes that define them.
type Names<'a> = HashMap<&'a str, Option<usize>>;

fn check_graph<'a>(
    graph: &'a GraphProto,
    outer: Option<&Scope<'_>>,
    folder: Option<&Path>,
    structure: &mut Structure,
) -> Result<Names<'a>, CheckError> {
    let names = define(graph, folder, structure)?;
    let scope = Scope { names: &names, outer };
    let reads: Vec<Vec<&str>> = graph.node.iter().map(reads).collect();
    for (node, reads) in graph.node.iter().zip(&reads) {
        if let Some(input) = reads.iter().find(|name| !scope.has(name)) {
            return Err(CheckError::Undefined {
                node: label(node),
                input: (*input).to_owned(),
            });
        }
    }
    if let Some(cycle) = cycle(&reads, &names) {
        return Err(CheckError::Cycle(
            cycle.into_iter().map(|i| label(&graph.node[i])).collect(),
        ));
    }
    for (i, (node, reads)) in graph.node.iter().zip(&reads).enumerate() {
        let later = |name: &&&str| names.get(**name).is_some_and(|by| by.is_some_and(|by| by >= i));
        if let Some(input) = reads.iter().find(later) {
            return Err(CheckError::Order {
                node: label(node),
                input: (*input).to_owned(),
            });
        }
    }
    for output in &graph.output {
        if !scope.has(output.name()) {
            return Err(CheckError::UndefinedOutput(output.name().to_owned()));
        }
    }
    for node in &graph.node {
        let name = match node.domain() {
            "" | "ai.onnx" => node.op_type().to_owned(),
            domain => format!("{domain}.{}", node.op_type()),
        };
        *structure.operators.entry(name).or_default() += 1;
        for inner in node.attribute.iter().flat_map(|attribute| attribute.subgraphs()) {
            check_graph(inner, Some(&scope), folder, structure)?;
        }
    }
    Ok(names)
}

/// Every name that the graph defines.
fn define<'a>(
    graph: &'a GraphProto,
    folder: Option<&Path>,
    structure: &mut Structure,
) -> Result<Names<'a>, CheckError> {
    let mut names = Names::new();
    let mut define = |name: &'a str, by| -> Result<(), CheckError> {
        if name.is_empty() {
            return Err(CheckError::Unnamed);
        }
        match names.insert(name, by) {
            None => Ok(()),
            Some(_) => Err(CheckError::DefinedTwice(name.to_owned())),
        }
    };
    let mut inputs = HashSet::new();
    for input in &graph.input {
        define(input.name(), None)?;
        inputs.insert(input.name());
    }
    let mut constants = HashSet::new();
    for tensor in &graph.initializer {
        structure.external.extend(constant::check(tensor, folder)?);
        // A constant with the name of an input is that input's default.
        if !constants.insert(tensor.name()) {
            return Err(CheckError::DefinedTwice(tensor.name().to_owned()));
        }
        if !inputs.contains(tensor.name()) {
            define(tensor.name(), None)?;
        }
    }
    for (i, node) in graph.node.iter().enumerate() {
        // An empty name stands for an output that nobody wants.
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            define(output, Some(i))?;
        }
        for attribute in &node.attribute {
            for tensor in attribute.t.as_deref().into_iter().chain(&attribute.tensors) {
                structure.external.extend(constant::check(tensor, folder)?);
            }
        }
    }
    // Values of sparse constants are not looked into, but they have names.
    if !graph.sparse_initializer.is_empty() {
        return Err(CheckError::Unsupported("sparse constants"));
    }
    Ok(names)
}

/// The values that a node reads, by itself or in graphs in it.
fn reads(node: &NodeProto) -> Vec<&str> {
    let inputs = node
        .input
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty());
    let mut reads: Vec<&str> = inputs.collect();
    for inner in node.attribute.iter().flat_map(|attribute| attribute.subgraphs()) {
        reads.extend(free(inner));
    }
    reads
}

/// The values that a graph takes from those around it.
fn free(graph: &GraphProto) -> BTreeSet<&str> {
    let inputs = graph.input.iter().map(|input| input.name());
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let outputs = graph
        .node
        .iter()
        .flat_map(|node| &node.output)
        .map(String::as_str);
    let own: HashSet<&str> = inputs.chain(constants).chain(outputs).collect();
    let read = graph.node.iter().flat_map(reads);
    let returned = graph.output.iter().map(|output| output.name());
    read.chain(returned).filter(|name| !own.contains(name)).collect()
}

/// The nodes of a cycle, the first one again at the end.
fn cycle(reads: &[Vec<&str>], names: &Names<'_>) -> Option<Vec<usize>> {
    let producers = |i: usize| {
        reads[i]
            .iter()
            .filter_map(|name| names.get(name).copied().flatten())
    };
    let mut waiting: Vec<usize> = (0..reads.len()).map(|i| producers(i).count()).collect();
    let mut readers = vec![Vec::new(); reads.len()];
    for i in 0..reads.len() {
        for producer in producers(i) {
            readers[producer].push(i);
        }
    }
    let mut ready: Vec<usize> = (0..reads.len()).filter(|&i| waiting[i] == 0).collect();
    let mut done = vec![false; reads.len()];
    while let Some(i) = ready.pop() {
        done[i] = true;
        for &reader in &readers[i] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(reader);
            }
        }
    }
    // Each node that is left waits for another that is left: going back from one, a node comes up twice.
    let mut at = done.iter().position(|done| !done)?;
    let (mut path, mut seen) = (Vec::new(), HashMap::new());
    loop {
        if let Some(&start) = seen.get(&at) {
            let mut cycle: Vec<usize> = path.split_off(start);
            cycle.push(at);
            cycle.reverse();
            return Some(cycle);
        }
        seen.insert(at, path.len());
        path.push(at);
        at = producers(at).find(|&producer| !done[producer])?;
    }
}

/// Constants and nodes on which no output depends.
fn orphans(graph: &GraphProto, names: &Names<'_>) -> Vec<String> {
    let mut needed: HashSet<&str> = HashSet::new();
    let mut pending: Vec<&str> = graph.output.iter().map(|output| output.name()).collect();
    let mut live = vec![false; graph.node.len()];
    while let Some(name) = pending.pop() {
        if !needed.insert(name) {
            continue;
        }
        if let Some(Some(node)) = names.get(name)
            && !std::mem::replace(&mut live[*node], true)
        {
            pending.extend(reads(&graph.node[*node]));
        }
    }
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let unread = constants.filter(|name| !needed.contains(name)).map(str::to_owned);
    let nodes = graph.node.iter().zip(&live).filter(|(_, live)| !**live);
    unread.chain(nodes.map(|(node, _)| label(node))).collect()
}

/// A node's name, or what says as well which it is.
pub(crate) fn label(node: &NodeProto) -> String {
    match (node.name(), node.output.first()) {
        ("", Some(output)) => output.clone(),
        ("", None) => node.op_type().to_owned(),
        (name, _) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
