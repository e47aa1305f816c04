//! What a training pass leaves for the backward pass, and the gradients.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use mbn_ops::{LazyActivation, Normalization};

use crate::Parameter;

/// A forward pass in training mode, with all that its backward pass needs.
pub struct Pass {
    pub(crate) images: Tensor,
    /// One for each layer, in the order of the layers.
    pub(crate) records: Vec<Record>,
    /// After pooling, `[N, C]`.
    pub(crate) features: Tensor,
    pub(crate) logits: Tensor,
}

/// What a layer keeps: its convolution's result, and the batch norm and activation after it.
pub(crate) struct Record {
    pub raw: Tensor,
    pub normalization: Normalization,
}

impl Record {
    pub fn activation(&self) -> LazyActivation<'_> {
        LazyActivation {
            raw: &self.raw,
            normalization: &self.normalization,
        }
    }
}

impl Pass {
    /// `[N, classes]`, from which a loss is computed.
    pub fn logits(&self) -> &Tensor {
        &self.logits
    }
}

/// The gradient of every parameter.
#[derive(Debug, Default)]
pub struct Gradients(BTreeMap<String, Tensor>);

impl Gradients {
    pub(crate) fn insert(&mut self, parameter: &Parameter, gradient: Tensor) {
        self.0.insert(parameter.name.clone(), gradient.detach());
    }

    /// Length of all gradients taken as one vector.
    ///
    /// # Errors
    /// If the device fails.
    pub fn norm(&self) -> Result<f64> {
        let squares = self.0.values().map(|gradient| {
            let sum = gradient.sqr()?.sum_all()?;
            sum.to_dtype(DType::F64)
        });
        let squares = squares.collect::<Result<Vec<_>>>()?;
        if squares.is_empty() {
            return Ok(0.0);
        }
        // Fetches one value from the device, not one for each tensor.
        Ok(Tensor::stack(&squares, 0)?.sum_all()?.to_scalar::<f64>()?.sqrt())
    }

    /// Scales the gradients, taken as one vector, to the norm `max_norm` if theirs is larger, and returns the norm before.
    /// A norm that is not finite leaves them as they are.
    ///
    /// # Errors
    /// If the device fails.
    pub fn clip_norm(&mut self, max_norm: f64) -> Result<f64> {
        let norm = self.norm()?;
        if norm.is_finite() && norm > max_norm {
            for gradient in self.0.values_mut() {
                *gradient = (&*gradient * (max_norm / norm))?;
            }
        }
        Ok(norm)
    }

    /// A parameter's gradient, in its shape.
    pub fn get(&self, parameter: &Parameter) -> Option<&Tensor> {
        self.0.get(&parameter.name)
    }
}
