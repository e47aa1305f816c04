//! Checks a model before anything else uses it: versions, names, order, constants, and the type of every value.
//!
//! It knows only the operators that the exporter writes, and does not trust sizes in the file. [`structure`](crate::structure())
//! checks models of other programs.

mod attributes;
mod infer;

use std::collections::{BTreeMap, BTreeSet};

pub use crate::check_error::{CheckError, NodeError};

use crate::opset::ir_version;
use crate::proto::{DataType, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::structure::{label, structure};
use crate::{Dim, Model, TensorType};
use infer::Ints;

/// The inputs and outputs of a checked model.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Version of the format.
    pub ir_version: i64,
    /// Version of ONNX's own operator set.
    pub opset: i64,
    /// Name and type of each input.
    pub inputs: Vec<(String, TensorType)>,
    /// Name and inferred type of each output.
    pub outputs: Vec<(String, TensorType)>,
}

/// Checks the model and infers the type of every value, starting from the inputs.
///
/// # Errors
/// [`CheckError`] for the first problem found.
pub fn check(model: &Model) -> Result<Report, CheckError> {
    let proto = model.proto();
    let opset = opset(proto)?;
    let lowest = ir_version(opset)?;
    let ir_version = proto.ir_version();
    if ir_version < lowest {
        return Err(CheckError::IrVersion {
            found: ir_version,
            lowest,
            opset,
        });
    }
    check_metadata(proto)?;
    let graph = proto.graph.as_ref().ok_or(CheckError::NoGraph)?;
    for (present, what) in [
        (!proto.functions.is_empty(), "functions of its own"),
        (!proto.training_info.is_empty(), "training graphs"),
        (!graph.sparse_initializer.is_empty(), "sparse constants"),
    ] {
        if present {
            return Err(CheckError::Unsupported(what));
        }
    }

    if let Some(orphan) = structure(model, None)?.orphans.into_iter().next() {
        return Err(CheckError::Orphan(orphan));
    }
    check_node_names(graph)?;
    let values = Values::of(graph)?;
    for info in &graph.value_info {
        values.compare(info)?;
    }
    Ok(Report {
        ir_version,
        opset,
        inputs: inputs(graph)?,
        outputs: outputs(graph, &values)?,
    })
}

/// States the type of every value of the graph that is neither constant, input nor output.
pub(crate) fn state_types(graph: &mut GraphProto) -> Result<(), CheckError> {
    let values = Values::of(graph)?;
    let is_output = |name: &str| graph.output.iter().any(|output| output.name() == name);
    let outputs = graph.node.iter().flat_map(|node| &node.output);
    let between = outputs.filter(|name| !is_output(name));
    let types = between.filter_map(|name| Some(values.types.get(name)?.to_proto(name)));
    graph.value_info = types.collect();
    Ok(())
}

/// The types of the graph's values as far as they are known: stated in the file, or inferred where this network has the
/// operator.
pub fn known_types(graph: &GraphProto) -> BTreeMap<String, TensorType> {
    let mut values = Values::default();
    for tensor in &graph.initializer {
        values.constant(tensor);
    }
    let stated = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    for info in stated {
        if let Ok(ty) = TensorType::stated(info) {
            values.types.insert(info.name().to_owned(), ty);
        }
    }
    for node in &graph.node {
        if let ([output], Ok(ty)) = (node.output.as_slice(), values.infer(node)) {
            values.types.entry(output.clone()).or_insert(ty);
        }
    }
    values.types
}

/// Nodes need no name.
fn check_node_names(graph: &GraphProto) -> Result<(), CheckError> {
    let mut names = BTreeSet::new();
    let mut named = graph.node.iter().filter(|node| !node.name().is_empty());
    let twice = named.find(|node| !names.insert(node.name()));
    twice.map_or(Ok(()), |node| Err(CheckError::NodeTwice(node.name().to_owned())))
}

/// The types of the values defined so far.
#[derive(Default)]
struct Values {
    types: BTreeMap<String, TensorType>,
    ints: Ints,
}

/// The most elements of a constant that is a shape, a list of axes or the like.
const FEW: usize = 16;

impl Values {
    /// All values of a graph in its order.
    fn of(graph: &GraphProto) -> Result<Self, CheckError> {
        let mut values = Self::default();
        for tensor in &graph.initializer {
            values.define(tensor.name(), initializer(tensor)?)?;
            values.constant(tensor);
        }
        for (name, ty) in inputs(graph)? {
            values.define(&name, ty)?;
        }
        for node in &graph.node {
            let output = values.infer(node)?;
            match node.output.as_slice() {
                [name] => values.define(name, output)?,
                names => return Err(fail(node, NodeError::Outputs(names.len()))),
            }
        }
        Ok(values)
    }

    fn define(&mut self, name: &str, ty: TensorType) -> Result<(), CheckError> {
        if name.is_empty() {
            return Err(CheckError::Unnamed);
        }
        match self.types.insert(name.to_owned(), ty) {
            None => Ok(()),
            Some(_) => Err(CheckError::DefinedTwice(name.to_owned())),
        }
    }

    /// Keeps the type of a constant, and its values if they may be a shape.
    fn constant(&mut self, tensor: &TensorProto) {
        if let Ok(ty) = initializer(tensor) {
            let bytes = tensor.raw_data().as_chunks().0;
            if ty.elem == DataType::Int64 && ty.shape.len() == 1 && bytes.len() <= FEW {
                let ints = bytes.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
                self.ints.insert(tensor.name().to_owned(), ints);
            }
            self.types.entry(tensor.name().to_owned()).or_insert(ty);
        }
    }

    fn infer(&self, node: &NodeProto) -> Result<TensorType, CheckError> {
        if !matches!(node.domain(), "" | "ai.onnx") {
            return Err(CheckError::Domain(node.domain().to_owned()));
        }
        let given = node.input.iter().filter(|name| !name.is_empty());
        let find = |name: &String| {
            let value = self.types.get(name);
            value.ok_or_else(|| fail(node, NodeError::Undefined(name.clone())))
        };
        let inputs = given.map(find).collect::<Result<Vec<_>, _>>()?;
        if inputs.len() < node.input.len() && node.op_type() != "Resize" {
            return Err(fail(node, NodeError::LeftOut));
        }
        infer::infer(node, &inputs, &self.ints).map_err(|reason| fail(node, reason))
    }

    /// Compares what the file states about a value with what follows from the nodes.
    fn compare(&self, info: &ValueInfoProto) -> Result<(), CheckError> {
        let name = info.name().to_owned();
        let stated = match TensorType::from_proto(info) {
            Ok(ty) => ty,
            Err(reason) => return Err(CheckError::Type { name, reason }),
        };
        match self.types.get(&name) {
            None => Err(CheckError::Orphan(name)),
            Some(inferred) if *inferred != stated => Err(CheckError::ValueType {
                name,
                stated,
                inferred: inferred.clone(),
            }),
            Some(_) => Ok(()),
        }
    }
}

fn fail(node: &NodeProto, reason: NodeError) -> CheckError {
    CheckError::Node {
        node: label(node),
        op_type: node.op_type().to_owned(),
        reason,
    }
}

fn opset(proto: &ModelProto) -> Result<i64, CheckError> {
    let mut opset = None;
    for import in &proto.opset_import {
        match import.domain() {
            "" | "ai.onnx" if opset.is_none() => opset = Some(import.version()),
            "" | "ai.onnx" => return Err(CheckError::OpsetTwice),
            domain => return Err(CheckError::Domain(domain.to_owned())),
        }
    }
    opset.ok_or(CheckError::NoOpset)
}

fn check_metadata(proto: &ModelProto) -> Result<(), CheckError> {
    let mut keys = BTreeSet::new();
    let twice = proto
        .metadata_props
        .iter()
        .find(|entry| !keys.insert(entry.key()));
    twice.map_or(Ok(()), |entry| {
        Err(CheckError::MetadataTwice(entry.key().to_owned()))
    })
}

fn initializer(tensor: &TensorProto) -> Result<TensorType, CheckError> {
    let name = || tensor.name().to_owned();
    if tensor.is_external() {
        return Err(CheckError::ExternalData(name()));
    }
    let elem =
        DataType::read(tensor.data_type).map_err(|reason| CheckError::Type { name: name(), reason })?;
    let size = |&dim: &i64| usize::try_from(dim).ok();
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(size).collect();
    let bytes = |dims: &Vec<usize>| dims.iter().try_fold(elem.size(), |n, &dim| n.checked_mul(dim));
    let (Some(dims), Some(expected)) = (dims.clone(), dims.as_ref().and_then(bytes)) else {
        return Err(CheckError::Dims {
            name: name(),
            dims: tensor.dims.clone(),
        });
    };
    let found = tensor.raw_data().len();
    if found != expected {
        return Err(CheckError::RawDataLength {
            name: name(),
            found,
            expected,
        });
    }
    let shape: Vec<_> = dims.into_iter().map(Dim::Fixed).collect();
    Ok(TensorType { elem, shape })
}

fn inputs(graph: &GraphProto) -> Result<Vec<(String, TensorType)>, CheckError> {
    let read = |info: &crate::proto::ValueInfoProto| {
        let name = info.name().to_owned();
        match TensorType::from_proto(info) {
            Ok(ty) => Ok((name, ty)),
            Err(reason) => Err(CheckError::Type { name, reason }),
        }
    };
    graph.input.iter().map(read).collect()
}

fn outputs(graph: &GraphProto, values: &Values) -> Result<Vec<(String, TensorType)>, CheckError> {
    if graph.output.is_empty() {
        return Err(CheckError::NoOutput);
    }
    let mut outputs = Vec::new();
    for info in &graph.output {
        let name = info.name().to_owned();
        let declared = match TensorType::from_proto(info) {
            Ok(ty) => ty,
            Err(reason) => return Err(CheckError::Type { name, reason }),
        };
        match values.types.get(&name) {
            None => return Err(CheckError::UndefinedOutput(name)),
            Some(inferred) if *inferred != declared => {
                return Err(CheckError::OutputType {
                    name,
                    declared,
                    inferred: inferred.clone(),
                });
            }
            Some(_) => outputs.push((name, declared)),
        }
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests;
