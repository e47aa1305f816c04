//! Reads weights back from a model that the exporter wrote, for engines that do not run ONNX.

use std::collections::{BTreeMap, BTreeSet};

use mbn_spec::{Architecture, CLASSIFIER, LayerSet, Metadata, Preprocess, TensorKind};
use mbn_weights::{Folded, FoldedConv, Quantized, Weights};

use crate::builder::GraphBuilder;
use crate::checker::{self, CheckError};
use crate::names::{FEATURES, PROBABILITIES};
use crate::proto::{DataType, GraphProto};
use crate::stored::{FoldedError, Tensors, foreign};
use crate::{Dim, ExportOptions, InputKind, InputSize, Model, Precision, constants, network, quantized};

/// What a model that the exporter wrote consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The options with which the exporter writes this graph.
    pub options: ExportOptions,
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// Its weights as it holds them: rounded, if the precision is low.
    pub weights: Folded,
    /// Its weights in 8 bits, if it is int8.
    pub quantized: Option<Quantized>,
}

impl Model {
    /// The weights of a float32 model that [`export`](crate::export) wrote, folded if they are not yet.
    ///
    /// Preprocessing and softmax, if the graph has them, are not part of the result.
    ///
    /// # Errors
    /// [`FoldedError`] if the exporter would not write exactly this graph in float32.
    pub fn to_folded(&self) -> Result<Folded, FoldedError> {
        let written = self.written()?;
        match written.options.precision {
            Precision::Fp32 => Ok(written.weights),
            Precision::Fp16 | Precision::Int8 => Err(FoldedError::Precision),
        }
    }

    /// The weights of a model that [`export`](crate::export) wrote, and the options that it was given.
    ///
    /// # Errors
    /// [`FoldedError`] if the exporter would not write exactly this graph.
    pub fn written(&self) -> Result<Written, FoldedError> {
        let report = checker::check(self)?;
        let graph = self.graph().ok_or(CheckError::NoGraph)?;
        let metadata = self.metadata()?;
        let tensors = Tensors::new(graph);
        let architecture = architecture(&metadata, &tensors)?;
        let preprocess = metadata.preprocess.unwrap_or_default();
        let options = options(&report, graph, &architecture, &tensors)?;
        compare_graphs(graph, &architecture, &preprocess, &options)?;
        for expected in constants::fixed(&architecture, &preprocess, &options) {
            if *tensors.find(expected.name())? != expected {
                let name = expected.name();
                return Err(foreign(format!("`{name}` does not agree with its metadata")));
            }
        }
        let quantized = match options.precision {
            Precision::Int8 => Some(quantized::read(&architecture, &options, &tensors)?),
            Precision::Fp32 | Precision::Fp16 => None,
        };
        let weights = match (&quantized, options.fold) {
            (Some(quantized), _) => quantized.to_floats(),
            (None, true) => read_folded(&architecture, &tensors)?,
            (None, false) => read_unfolded(&architecture, metadata, &tensors)?,
        };
        Ok(Written {
            options,
            preprocess,
            weights,
            quantized,
        })
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

/// The options that the exporter must have been given, if it wrote this graph.
fn options(
    report: &checker::Report,
    graph: &GraphProto,
    architecture: &Architecture,
    tensors: &Tensors,
) -> Result<ExportOptions, FoldedError> {
    let [(_, input)] = report.inputs.as_slice() else {
        return Err(foreign(format!("it has {} inputs", report.inputs.len())));
    };
    let bytes = input.elem == DataType::Uint8;
    let has_op = |op: &str| graph.node.iter().any(|node| node.op_type() == op);
    let has_output = |name: &str| report.outputs.iter().any(|(output, _)| output == name);
    // Height, or width where channels come last.
    let size = match (input.shape.get(2), has_op("Resize")) {
        (_, true) => InputSize::Resized,
        (Some(Dim::Fixed(_)), _) => InputSize::Fixed,
        _ => InputSize::Any,
    };
    let precision = match tensors.find("fc.weight")?.data_type() {
        DataType::Float16 => Precision::Fp16,
        _ if has_op("QuantizeLinear") => Precision::Int8,
        _ => Precision::Fp32,
    };
    Ok(ExportOptions {
        opset: report.opset,
        fold: !has_op("BatchNormalization"),
        precision,
        keep_float: match precision {
            Precision::Int8 => float_layers(architecture, tensors)?,
            Precision::Fp32 | Precision::Fp16 => LayerSet::NONE,
        },
        input: if bytes { InputKind::Uint8 } else { InputKind::Float },
        size,
        batch: match input.shape.first() {
            Some(Dim::Fixed(batch)) => Some(*batch),
            _ => None,
        },
        softmax: has_output(PROBABILITIES),
        features: has_output(FEATURES),
    })
}

/// The layers whose weights are float32.
fn float_layers(architecture: &Architecture, tensors: &Tensors) -> Result<LayerSet, FoldedError> {
    let convs = architecture.convs().into_iter().map(|conv| conv.conv_name());
    let mut float = LayerSet::NONE;
    for (layer, name) in convs.chain([CLASSIFIER.to_owned()]).enumerate() {
        if tensors.find(&format!("{name}.weight"))?.data_type() == DataType::Float {
            float = float.with(layer);
        }
    }
    Ok(float)
}

/// Refuses a graph that is not the exporter's for these options.
fn compare_graphs(
    graph: &GraphProto,
    architecture: &Architecture,
    preprocess: &Preprocess,
    options: &ExportOptions,
) -> Result<(), FoldedError> {
    let mut builder = GraphBuilder::default();
    network::add(&mut builder, architecture, preprocess, options);
    let expected = builder.finish();
    if same_nodes(&expected, graph) && expected.input == graph.input && expected.output == graph.output {
        return Ok(());
    }
    let ops: BTreeSet<_> = graph.node.iter().map(|node| node.op_type()).collect();
    let ops = ops.into_iter().collect::<Vec<_>>().join(", ");
    let (nodes, size) = (graph.node.len(), preprocess.size);
    Err(foreign(format!(
        "its metadata says {architecture} and {size} x {size} pixels, but its {nodes} nodes ({ops}) do not match"
    )))
}

/// Whether two graphs do the same with the same constants. Nodes and the values between them may have other names: earlier
/// versions named them otherwise.
fn same_nodes(expected: &GraphProto, found: &GraphProto) -> bool {
    let is_output = |name: &str| expected.output.iter().any(|output| output.name() == name);
    // The values between nodes, by their names in `expected`.
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    expected.node.len() == found.node.len()
        && expected.node.iter().zip(&found.node).all(|(one, other)| {
            let same_inputs = one.input.len() == other.input.len()
                && one.input.iter().zip(&other.input).all(|(one, other)| {
                    let name = names.get(one.as_str()).copied().unwrap_or(one);
                    name == other
                });
            let same_outputs = one.output.len() == other.output.len()
                && one.output.iter().zip(&other.output).all(|(one, other)| {
                    names.insert(one, other);
                    !is_output(one) || one == other
                });
            same_inputs
                && same_outputs
                && one.op_type() == other.op_type()
                && one.domain() == other.domain()
                && one.attribute == other.attribute
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

#[cfg(test)]
mod tests;
