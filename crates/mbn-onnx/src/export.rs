//! Makes a model from weights.

use std::sync::OnceLock;

use mbn_spec::Quantization;
use mbn_weights::{Folded, Quantized, Weights};

use crate::builder::GraphBuilder;
use crate::model::{QUANTIZATION, RESIZE_INSIDE, WEIGHTS_SHA256};
use crate::opset::ir_version;
use crate::options::OptionsError;
use crate::proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use crate::{
    ExportError, ExportOptions, InputSize, Model, Precision, checker, constants, network, quantized,
};

/// The network as an ONNX model. The same weights and options give the same bytes. For several models, or to compare
/// one with the weights, keep an [`Exporter`].
///
/// # Errors
/// [`ExportError`] if these weights cannot be exported with these options.
pub fn export(weights: &Weights, options: &ExportOptions) -> Result<Model, ExportError> {
    Exporter::new(weights).export(options)
}

/// Exports the same weights any number of times; folds and hashes them once.
#[derive(Debug)]
pub struct Exporter<'a> {
    weights: &'a Weights,
    folded: OnceLock<Folded>,
    sha256: OnceLock<String>,
    quantized: Option<(Quantized, Quantization)>,
}

impl<'a> Exporter<'a> {
    /// An exporter of these weights.
    pub fn new(weights: &'a Weights) -> Self {
        Self {
            weights,
            folded: OnceLock::new(),
            sha256: OnceLock::new(),
            quantized: None,
        }
    }

    /// The same exporter with these weights in 8 bits, for int8, and how they came about.
    #[must_use]
    pub fn with_quantized(self, quantized: Quantized, how: Quantization) -> Self {
        Self {
            quantized: Some((quantized, how)),
            ..self
        }
    }

    /// The weights in 8 bits, if there are any.
    pub fn quantized(&self) -> Option<&Quantized> {
        self.quantized.as_ref().map(|(quantized, _)| quantized)
    }

    /// The weights.
    pub fn weights(&self) -> &'a Weights {
        self.weights
    }

    /// The weights without batch norm.
    pub fn folded(&self) -> &Folded {
        self.folded.get_or_init(|| self.weights.fold())
    }

    /// The weights' hash.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| self.weights.sha256())
    }

    /// As [`export`].
    ///
    /// # Errors
    /// As [`export`].
    pub fn export(&self, options: &ExportOptions) -> Result<Model, ExportError> {
        let weights = self.weights;
        options.validate()?;
        weights.require_computable()?;
        let ir_version = ir_version(options.opset).map_err(OptionsError::from)?;
        let mut metadata = weights.metadata().clone();
        metadata.classes = Some(weights.class_names());
        let preprocess = *metadata.preprocess.get_or_insert_default();
        preprocess.validate()?;
        options.validate_for(&preprocess)?;

        let mut graph = GraphBuilder::new(mbn_spec::ARCHITECTURE);
        network::add(&mut graph, weights.architecture(), &preprocess, options);
        match (options.precision, &self.quantized) {
            (Precision::Int8, Some((quantized, _))) => {
                quantized::add(&mut graph, quantized, weights, &preprocess, options)?;
            }
            (Precision::Int8, None) => return Err(ExportError::NotQuantized),
            _ => {
                let folded = options.fold.then(|| self.folded());
                constants::add(&mut graph, weights, folded, &preprocess, options)?;
            }
        }

        let mut graph = graph.finish();
        let description = describe::text(weights.architecture(), &preprocess, options);
        graph.doc_string = Some(description.clone());
        checker::state_types(&mut graph)?;

        let mut pairs = metadata.to_pairs();
        pairs.insert(WEIGHTS_SHA256.to_owned(), self.sha256().to_owned());
        if let (Precision::Int8, Some((_, how))) = (options.precision, &self.quantized) {
            pairs.insert(QUANTIZATION.to_owned(), how.to_json());
        }
        if options.size == InputSize::Resized {
            pairs.insert(RESIZE_INSIDE.to_owned(), "true".to_owned());
        }
        let entry = |(key, value)| StringStringEntryProto {
            key: Some(key),
            value: Some(value),
        };
        Ok(Model::from(ModelProto {
            ir_version: Some(ir_version),
            producer_name: Some("mbn-export".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            doc_string: Some(description),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(options.opset),
            }],
            metadata_props: pairs.into_iter().map(entry).collect(),
            ..ModelProto::default()
        }))
    }
}

mod describe;
#[cfg(test)]
mod onnx_library;
#[cfg(test)]
mod tests;
