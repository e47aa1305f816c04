//! SGD and AdamW over all parameters, with state that can be saved.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};
use mbn_ops::optim::{AdamW, Sgd};
use mbn_spec::TensorKind;

use crate::{Gradients, Parameter};

/// Which optimiser, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Part of the last step that is kept.
        momentum: f64,
        /// Whether momentum is Nesterov's.
        nesterov: bool,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// Decay of the average gradient.
        beta1: f64,
        /// Decay of the average squared gradient.
        beta2: f64,
        /// Keeps the division finite.
        epsilon: f64,
    },
}

/// An optimiser with what it remembers of past gradients.
#[derive(Debug)]
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    decay_all: bool,
    state: OptimizerState,
}

/// What an optimiser remembers: the number of steps, and a tensor for each parameter.
#[derive(Clone, Debug, Default)]
pub struct OptimizerState {
    /// Steps taken.
    pub steps: u32,
    /// By parameter name: SGD's buffer in the parameter's shape, or AdamW's two moments, `[2, ...]`.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Optimizer {
    /// An optimiser that has taken no step. Weight decay applies to convolutions and the classifier's weight;
    /// with `decay_all` also to batch norm and biases, as PyTorch does when given all parameters.
    pub fn new(kind: OptimizerKind, weight_decay: f64, decay_all: bool) -> Self {
        Self {
            kind,
            weight_decay,
            decay_all,
            state: OptimizerState::default(),
        }
    }

    /// What the optimiser remembers.
    pub fn state(&self) -> &OptimizerState {
        &self.state
    }

    /// Goes on from a saved state.
    pub fn set_state(&mut self, state: OptimizerState) {
        self.state = state;
    }

    /// One step of every parameter.
    ///
    /// # Errors
    /// If a parameter has no gradient or the device fails.
    pub fn step<'a>(
        &mut self,
        parameters: impl IntoIterator<Item = &'a Parameter>,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<()> {
        self.state.steps += 1;
        for parameter in parameters {
            let Some(gradient) = gradients.get(parameter) else {
                bail!("parameter `{}` has no gradient", parameter.name)
            };
            self.step_one(parameter, gradient, learning_rate)?;
        }
        Ok(())
    }

    fn step_one(&mut self, parameter: &Parameter, gradient: &Tensor, learning_rate: f64) -> Result<()> {
        let decays = self.decay_all || parameter.kind == TensorKind::Weight;
        let weight_decay = if decays { self.weight_decay } else { 0.0 };
        let tensor = parameter.tensor();
        match self.kind {
            OptimizerKind::Sgd { momentum, nesterov } => {
                let sgd = Sgd {
                    learning_rate,
                    momentum,
                    weight_decay,
                    nesterov,
                };
                sgd.step(tensor, self.memory(parameter, tensor.dims())?, gradient)
            }
            OptimizerKind::AdamW {
                beta1,
                beta2,
                epsilon,
            } => {
                let step = self.state.steps as i32;
                let adamw = AdamW {
                    learning_rate,
                    beta1,
                    beta2,
                    epsilon,
                    weight_decay,
                    step,
                };
                adamw.step(
                    tensor,
                    self.memory(parameter, &[&[2], tensor.dims()].concat())?,
                    gradient,
                )
            }
        }
    }

    fn memory(&mut self, parameter: &Parameter, shape: &[usize]) -> Result<&Tensor> {
        let entry = self.state.tensors.entry(parameter.name.clone());
        Ok(match entry {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let like = parameter.tensor();
                entry.insert(Tensor::zeros(shape, like.dtype(), like.device())?)
            }
        })
    }
}
