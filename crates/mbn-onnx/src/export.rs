//! Weights to a model.

use mbn_spec::PreprocessError;
use mbn_weights::Weights;

use crate::builder::GraphBuilder;
use crate::model::WEIGHTS_SHA256;
use crate::opset::{OpsetError, ir_version};
use crate::proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use crate::{ExportOptions, Model, Precision, constants, network};

/// Weights that cannot be written as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// The operator set is not one that can be written.
    #[error(transparent)]
    Opset(#[from] OpsetError),
    /// The weights' preprocessing cannot be carried out.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// A weight is not finite, or too large for the precision.
    #[error("`{tensor}` has the value {value:e}, which {precision} cannot hold (largest {:e})", precision.max())]
    Range {
        /// The tensor, after folding if batch norm is folded.
        tensor: String,
        /// Its first value that is out of range.
        value: f32,
        /// The precision asked for.
        precision: Precision,
    },
}

/// The network as an ONNX model. The same weights and options give the same bytes.
///
/// # Errors
/// [`ExportError`] if the options cannot be met with these weights.
pub fn export(weights: &Weights, options: &ExportOptions) -> Result<Model, ExportError> {
    let ir_version = ir_version(options.opset)?;
    let mut metadata = weights.metadata().clone();
    metadata.classes = Some(weights.class_names());
    let preprocess = *metadata.preprocess.get_or_insert_default();
    preprocess.validate()?;

    let mut graph = GraphBuilder::new(mbn_spec::ARCHITECTURE);
    network::add(&mut graph, weights.architecture(), preprocess.size, options);
    constants::add(&mut graph, weights, &preprocess, options)?;

    let mut pairs = metadata.to_pairs();
    pairs.insert(WEIGHTS_SHA256.to_owned(), weights.sha256());
    let entry = |(key, value)| StringStringEntryProto {
        key: Some(key),
        value: Some(value),
    };
    Ok(Model::from(ModelProto {
        ir_version: Some(ir_version),
        producer_name: Some("mbn-export".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph.finish()),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(options.opset),
        }],
        metadata_props: pairs.into_iter().map(entry).collect(),
        training_info: Vec::new(),
        functions: Vec::new(),
    }))
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
