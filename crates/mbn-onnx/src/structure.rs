//! Checks what holds for every ONNX graph, whatever its operators are: names, order, cycles, and the data of constants. It does
//! not trust the file: neither its lengths, nor the paths in it.

mod constant;
mod order;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use crate::Model;
use crate::check_error::CheckError;
use crate::proto::{GraphProto, NodeProto, TensorProto};
pub use constant::External;
use constant::ModelFile;

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
    /// Constants that are not among their graph's inputs in a file of a format (IR 3 and before) that wants them there. ONNX Runtime runs
    /// it; ONNX's own checker refuses it.
    pub unlisted: Vec<String>,
}

impl Structure {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.operators.values().sum()
    }
}

/// Checks the structure of a model. Its constants may lie in files beside `file`, the model's, or in none.
///
/// # Errors
/// [`CheckError`] for the first problem found.
pub fn structure(model: &Model, file: Option<&Path>) -> Result<Structure, CheckError> {
    let proto = model.proto();
    let graph = proto.graph.as_ref().ok_or(CheckError::NoGraph)?;
    let mut structure = Structure::default();
    let mut domains = HashSet::new();
    for import in &proto.opset_import {
        let domain = match import.domain() {
            "ai.onnx" => "",
            domain => domain,
        };
        if !domains.insert(domain) {
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
    let file = file.map(ModelFile::new);
    let mut check = Check {
        file: file.as_ref(),
        lists_constants: (1..=LISTED_CONSTANTS).contains(&proto.ir_version()),
        structure,
    };
    let names = check.graph(graph, None)?;
    let mut structure = check.structure;
    structure.orphans = orphans(graph, &names);
    Ok(structure)
}

/// Whether the data of a constant in another file is where that of the model `file` may be, and as long as the constant.
pub(crate) fn is_beside(tensor: &TensorProto, file: &Path) -> bool {
    matches!(constant::check(tensor, Some(&ModelFile::new(file))), Ok(Some(_)))
}

/// The last version of the format in which constants are among their graph's inputs. A file without a version says nothing.
const LISTED_CONSTANTS: i64 = 3;

/// What is known of the model around a graph, and what is found in it.
struct Check<'c> {
    file: Option<&'c ModelFile<'c>>,
    lists_constants: bool,
    structure: Structure,
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

impl Check<'_> {
    fn graph<'a>(
        &mut self,
        graph: &'a GraphProto,
        outer: Option<&Scope<'_>>,
    ) -> Result<Names<'a>, CheckError> {
        if graph.name().is_empty() {
            return Err(CheckError::UnnamedGraph);
        }
        let names = self.define(graph)?;
        let scope = Scope { names: &names, outer };
        order::check(graph, &scope)?;
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
            *self.structure.operators.entry(name).or_default() += 1;
            for inner in node.attribute.iter().flat_map(|attribute| attribute.subgraphs()) {
                self.graph(inner, Some(&scope))?;
            }
        }
        Ok(names)
    }

    /// Every name that the graph defines.
    fn define<'a>(&mut self, graph: &'a GraphProto) -> Result<Names<'a>, CheckError> {
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
            self.constant(tensor)?;
            // A constant with the name of an input is that input's default.
            if !constants.insert(tensor.name()) {
                return Err(CheckError::DefinedTwice(tensor.name().to_owned()));
            }
            if !inputs.contains(tensor.name()) {
                define(tensor.name(), None)?;
                if self.lists_constants {
                    self.structure.unlisted.push(tensor.name().to_owned());
                }
            }
        }
        for (i, node) in graph.node.iter().enumerate() {
            // An empty name stands for an output that nobody wants.
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                define(output, Some(i))?;
            }
            for attribute in &node.attribute {
                for tensor in attribute.t.as_deref().into_iter().chain(&attribute.tensors) {
                    self.constant(tensor)?;
                }
            }
        }
        // Values of sparse constants are not looked into, but they have names.
        if !graph.sparse_initializer.is_empty() {
            return Err(CheckError::Unsupported("sparse constants"));
        }
        Ok(names)
    }

    fn constant(&mut self, tensor: &TensorProto) -> Result<(), CheckError> {
        let external = constant::check(tensor, self.file)?;
        self.structure.external.extend(external);
        Ok(())
    }
}

/// The values that a node reads, by itself or in graphs in it.
pub(crate) fn reads(node: &NodeProto) -> Vec<&str> {
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
