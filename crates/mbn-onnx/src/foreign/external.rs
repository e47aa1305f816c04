//! The files beside a model that hold the data of its constants.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mbn_files::folder_of;

use super::functions::Functions;
use crate::Model;
use crate::proto::{DataLocation, GraphProto, NodeProto, TensorProto};
use crate::structure::is_beside;

/// Constants in other files that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error("the data of constants in `{}` cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// There is more than the caller allows.
    #[error("the data of its constants in other files is more than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: u64,
    },
}

/// The model with the data of its constants inside, which files in `folder` have. [`structure`](crate::structure) has found them
/// to be where a model's may be. Functions keep theirs: no exporter writes data for them.
///
/// # Errors
/// [`DataError`]: a file cannot be read, or there are more than `limit` bytes.
pub fn with_data_inside(model: &Model, folder: &Path, limit: u64) -> Result<Model, DataError> {
    let mut proto = model.proto().clone();
    let mut left = limit;
    if let Some(graph) = &mut proto.graph {
        let mut read = |tensor: &mut TensorProto| read_inside(tensor, folder, &mut left, limit);
        of_graph_mut(graph, &mut read)?;
    }
    Ok(Model::from(proto))
}

/// What is done to every constant.
type Visit<'v> = dyn FnMut(&mut TensorProto) -> Result<(), DataError> + 'v;

fn of_graph_mut(graph: &mut GraphProto, visit: &mut Visit<'_>) -> Result<(), DataError> {
    graph.initializer.iter_mut().try_for_each(&mut *visit)?;
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        let tensors = attribute.t.as_deref_mut().into_iter();
        tensors.chain(&mut attribute.tensors).try_for_each(&mut *visit)?;
        let graphs = attribute.g.as_deref_mut().into_iter();
        for graph in graphs.chain(&mut attribute.graphs) {
            of_graph_mut(graph, visit)?;
        }
    }
    Ok(())
}

fn read_inside(tensor: &mut TensorProto, folder: &Path, left: &mut u64, limit: u64) -> Result<(), DataError> {
    if !tensor.is_external() {
        return Ok(());
    }
    // One more byte shows that there are too many.
    let bytes = match read(tensor, folder, *left + 1) {
        (_, Ok(bytes)) => bytes,
        (path, Err(error)) => return Err(DataError::Read { path, error }),
    };
    *left = left
        .checked_sub(bytes.len() as u64)
        .ok_or(DataError::TooLarge { limit })?;
    tensor.raw_data = Some(bytes);
    tensor.external_data.clear();
    tensor.data_location = Some(DataLocation::Default as i32);
    Ok(())
}

/// The file with a constant's data, and the data, of which at most `most` bytes are read.
fn read(tensor: &TensorProto, folder: &Path, most: u64) -> (PathBuf, io::Result<Vec<u8>>) {
    let value = |key: &str| {
        let entry = tensor.external_data.iter().find(|entry| entry.key() == key);
        entry.map(|entry| entry.value())
    };
    let number = |key: &str| value(key).and_then(|value| value.parse::<u64>().ok());
    let path = folder.join(value("location").unwrap_or_default());
    let (offset, length) = (number("offset").unwrap_or(0), number("length"));
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length.unwrap_or(u64::MAX).min(most))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read();
    (path, bytes)
}

/// The data of a constant that lies beside the model `file`; `None` if it is not where it may be, not as long as the constant, or
/// cannot be read.
pub(super) fn bytes_beside(tensor: &TensorProto, file: &Path) -> Option<Vec<u8>> {
    if !is_beside(tensor, file) {
        return None;
    }
    // It is as long as the constant.
    let (_, bytes) = read(tensor, folder_of(file), u64::MAX);
    bytes.ok()
}

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
    fn data_of_other_files_is_put_inside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("m.bin"), (0..16).collect::<Vec<u8>>()).unwrap();
        let of = |entries: &[(&str, &str)]| {
            let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
                key: Some((*key).to_owned()),
                value: Some((*value).to_owned()),
            };
            TensorProto {
                external_data: entries.iter().map(entry).collect(),
                data_location: Some(DataLocation::External as i32),
                ..TensorProto::default()
            }
        };
        let constant = AttributeProto {
            t: Some(Box::new(of(&[("location", "m.bin"), ("offset", "12")]))),
            ..AttributeProto::default()
        };
        let node = NodeProto {
            attribute: vec![constant],
            ..NodeProto::default()
        };
        let graph = GraphProto {
            initializer: vec![of(&[("location", "m.bin"), ("offset", "4"), ("length", "3")])],
            node: vec![node],
            ..GraphProto::default()
        };
        let model = Model::from(ModelProto {
            graph: Some(graph),
            ..ModelProto::default()
        });
        let found = with_data_inside(&model, folder.path(), 7).unwrap();
        let graph = found.graph().unwrap();
        let inside = |tensor: &TensorProto| tensor.element_bytes().unwrap().into_owned();
        assert_eq!(inside(&graph.initializer[0]), [4, 5, 6]);
        let constant = graph.node[0].attribute[0].t.as_deref().unwrap();
        assert_eq!(inside(constant), [12, 13, 14, 15]);
        assert!(external_files(&found).is_empty());
        let error = with_data_inside(&model, folder.path(), 6).unwrap_err();
        assert!(matches!(error, DataError::TooLarge { limit: 6 }), "{error}");
        std::fs::remove_file(folder.path().join("m.bin")).unwrap();
        let error = with_data_inside(&model, folder.path(), 7)
            .unwrap_err()
            .to_string();
        assert!(error.contains("m.bin"), "{error}");
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
