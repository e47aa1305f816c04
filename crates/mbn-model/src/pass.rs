//! What a training pass leaves for the backward pass, and what that gives.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use mbn_ops::{Activation, Normalization};

use crate::Parameter;

/// A forward pass in training mode, with all that its backward pass needs.
pub struct Pass {
    pub(crate) images: Tensor,
    /// One for each layer, in the order of the layers.
    pub(crate) records: Vec<Record>,
    /// After pooling, `[N, C]`.
    pub(crate) features: Tensor,
    pub(crate) logits: Var,
}

/// What is kept of a layer: its convolution's result, and the batch norm and activation that follow it.
pub(crate) struct Record {
    pub raw: Tensor,
    pub normalization: Normalization,
}

impl Record {
    pub fn activation(&self) -> Activation<'_> {
        Activation {
            raw: &self.raw,
            normalization: &self.normalization,
        }
    }
}

impl Pass {
    /// `[N, classes]`, from which a loss is computed.
    pub fn logits(&self) -> &Tensor {
        self.logits.as_tensor()
    }
}

/// The gradient of every parameter.
#[derive(Debug, Default)]
pub struct Gradients(BTreeMap<String, Tensor>);

impl Gradients {
    pub(crate) fn insert(&mut self, parameter: &Parameter, gradient: Tensor) {
        self.0.insert(parameter.name.clone(), gradient.detach());
    }

    /// A parameter's gradient, in its shape.
    pub fn get(&self, parameter: &Parameter) -> Option<&Tensor> {
        self.0.get(&parameter.name)
    }
}
