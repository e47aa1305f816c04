//! Checks a model before anything else uses it: names, versions, constants, and the shape of every value.
//!
//! It knows only the operators that the exporter writes, and does not trust sizes in the file.

mod attributes;
mod error;
mod infer;

use std::collections::{BTreeMap, BTreeSet};

pub use error::{CheckError, NodeError};

use crate::opset::ir_version;
use crate::proto::{DataLocation, DataType, GraphProto, ModelProto, NodeProto, TensorProto};
use crate::{Dim, Model, TensorType};

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

    let mut values = Values::default();
    for tensor in &graph.initializer {
        values.define(tensor.name(), initializer(tensor)?)?;
    }
    let inputs = inputs(graph)?;
    for (name, ty) in &inputs {
        values.define(name, ty.clone())?;
    }
    for node in &graph.node {
        infer_node(node, &mut values)?;
    }
    Ok(Report {
        ir_version,
        opset,
        inputs,
        outputs: outputs(graph, &values)?,
    })
}

/// The types of the values defined so far.
#[derive(Default)]
struct Values(BTreeMap<String, TensorType>);

impl Values {
    fn define(&mut self, name: &str, ty: TensorType) -> Result<(), CheckError> {
        if name.is_empty() {
            return Err(CheckError::Unnamed);
        }
        match self.0.insert(name.to_owned(), ty) {
            None => Ok(()),
            Some(_) => Err(CheckError::DefinedTwice(name.to_owned())),
        }
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
    if tensor.data_location() == DataLocation::External || !tensor.external_data.is_empty() {
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

fn infer_node(node: &NodeProto, values: &mut Values) -> Result<(), CheckError> {
    let fail = |reason| CheckError::Node {
        node: node.name().to_owned(),
        op_type: node.op_type().to_owned(),
        reason,
    };
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Err(CheckError::Domain(node.domain().to_owned()));
    }
    let find = |name: &String| {
        let value = values.0.get(name);
        value.ok_or_else(|| fail(NodeError::Undefined(name.clone())))
    };
    let inputs = node.input.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let output = infer::infer(node, &inputs).map_err(fail)?;
    match node.output.as_slice() {
        [name] => values.define(name, output),
        names => Err(fail(NodeError::Outputs(names.len()))),
    }
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
        match values.0.get(&name) {
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
