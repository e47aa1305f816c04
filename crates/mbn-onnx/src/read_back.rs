//! Reads weights back from a model that the exporter wrote, for engines that do not run ONNX.

use std::collections::{BTreeMap, BTreeSet};

use mbn_spec::{Architecture, Metadata, MetadataError, TensorKind};
use mbn_weights::{Folded, FoldedConv, Weights};

use crate::builder::GraphBuilder;
use crate::checker::{self, CheckError};
use crate::constants::{self, Fixed};
use crate::proto::{DataType, GraphProto, TensorProto};
use crate::{ExportOptions, InputKind, Model, Precision, network};

/// A model whose weights cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum FoldedError {
    /// The model is broken.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The weights are not float32.
    #[error("its weights are not float32")]
    Precision,
    /// Another program wrote it, or it has been changed.
    #[error("its graph is not one that `mbn-export` writes: {0}")]
    Foreign(String),
}

impl Model {
    /// The weights of a float32 model that [`export`](crate::export) wrote, folded if they are not yet.
    ///
    /// Normalisation of bytes and softmax, if the graph has them, are not part of the result.
    ///
    /// # Errors
    /// [`FoldedError`] if the exporter would not write exactly this graph in float32.
    pub fn to_folded(&self) -> Result<Folded, FoldedError> {
        checker::check(self)?;
        let graph = self.graph().ok_or(CheckError::NoGraph)?;
        let metadata = self.metadata()?;
        let tensors = Tensors::new(graph)?;
        let architecture = architecture(&metadata, &tensors)?;
        let options = options(graph, &architecture, &metadata)?;

        let preprocess = metadata.preprocess.unwrap_or_default();
        let fixed = constants::fixed(&architecture, &preprocess, &options);
        for Fixed {
            name, dims, values, ..
        } in fixed
        {
            if tensors.values(name, dims)? != values {
                return Err(foreign(format!("`{name}` does not agree with its metadata")));
            }
        }
        if options.fold {
            read_folded(&architecture, &tensors)
        } else {
            read_unfolded(&architecture, metadata, &tensors)
        }
    }
}

/// The model's constants by name; their lengths have been checked.
struct Tensors<'a>(BTreeMap<&'a str, &'a TensorProto>);

impl<'a> Tensors<'a> {
    fn new(graph: &'a GraphProto) -> Result<Self, FoldedError> {
        let tensors = &graph.initializer;
        if tensors.iter().any(|tensor| tensor.data_type() != DataType::Float) {
            return Err(FoldedError::Precision);
        }
        Ok(Self(
            tensors.iter().map(|tensor| (tensor.name(), tensor)).collect(),
        ))
    }

    fn find(&self, name: &str) -> Result<&'a TensorProto, FoldedError> {
        let tensor = self.0.get(name).copied();
        tensor.ok_or_else(|| foreign(format!("it has no constant `{name}`")))
    }

    fn values(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, FoldedError> {
        let tensor = self.find(name)?;
        if !tensor.dims.iter().copied().eq(dims.iter().map(|&dim| dim as i64)) {
            let found = &tensor.dims;
            return Err(foreign(format!(
                "`{name}` has the shape {found:?}, expected {dims:?}"
            )));
        }
        let chunks = tensor.raw_data().as_chunks().0;
        Ok(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

fn architecture(metadata: &Metadata, tensors: &Tensors) -> Result<Architecture, FoldedError> {
    let alpha = metadata.alpha;
    let alpha = alpha.ok_or_else(|| foreign("its metadata has no `alpha`".into()))?;
    let classes = tensors.find("fc.bias")?.dims.first();
    let classes = classes.and_then(|&classes| usize::try_from(classes).ok());
    let classes = classes.ok_or_else(|| foreign("`fc.bias` is a scalar".into()))?;
    if classes == 0 {
        return Err(foreign("its classifier `fc` has no class".into()));
    }
    Ok(Architecture {
        alpha,
        classes,
        variant: metadata.variant.unwrap_or_default(),
    })
}

/// The options with which the exporter writes exactly this graph.
fn options(
    graph: &GraphProto,
    architecture: &Architecture,
    metadata: &Metadata,
) -> Result<ExportOptions, FoldedError> {
    let size = metadata.preprocess.unwrap_or_default().size;
    let matches = |options: &ExportOptions| {
        let mut builder = GraphBuilder::default();
        network::add(&mut builder, architecture, size, options);
        let expected = builder.finish();
        expected.node == graph.node && expected.input == graph.input && expected.output == graph.output
    };
    candidates().find(matches).ok_or_else(|| {
        let ops: BTreeSet<_> = graph.node.iter().map(|node| node.op_type()).collect();
        let ops = ops.into_iter().collect::<Vec<_>>().join(", ");
        let nodes = graph.node.len();
        foreign(format!(
            "its metadata says {architecture} and {size} x {size} pixels, but its {nodes} nodes ({ops}) do not match"
        ))
    })
}

fn candidates() -> impl Iterator<Item = ExportOptions> {
    let booleans = [true, false];
    booleans.into_iter().flat_map(move |fold| {
        [InputKind::Float, InputKind::Uint8]
            .into_iter()
            .flat_map(move |input| {
                booleans.into_iter().map(move |softmax| ExportOptions {
                    fold,
                    input,
                    softmax,
                    precision: Precision::Fp32,
                    ..ExportOptions::default()
                })
            })
    })
}

fn read_folded(architecture: &Architecture, tensors: &Tensors) -> Result<Folded, FoldedError> {
    let mut convs = Vec::new();
    for layer in architecture.convs() {
        let name = layer.conv_name();
        convs.push(FoldedConv {
            weight: tensors.values(&format!("{name}.weight"), &layer.weight_shape())?,
            bias: tensors.values(&format!("{name}.bias"), &[layer.out_channels])?,
        });
    }
    let (classes, features) = (architecture.classes, architecture.features());
    Ok(Folded {
        architecture: *architecture,
        convs,
        fc_weight: tensors.values("fc.weight", &[classes, features])?,
        fc_bias: tensors.values("fc.bias", &[classes])?,
    })
}

fn read_unfolded(
    architecture: &Architecture,
    metadata: Metadata,
    tensors: &Tensors,
) -> Result<Folded, FoldedError> {
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for spec in architecture.tensors() {
        if spec.kind == TensorKind::Counter {
            counters.insert(spec.name, 0); // inference does not use it
        } else {
            let values = tensors.values(&spec.name, &spec.shape)?;
            floats.insert(spec.name, values);
        }
    }
    let weights = Weights::new(*architecture, metadata, floats, counters);
    Ok(weights.map_err(|error| foreign(error.to_string()))?.fold())
}

fn foreign(reason: String) -> FoldedError {
    FoldedError::Foreign(reason)
}

#[cfg(test)]
mod tests;
