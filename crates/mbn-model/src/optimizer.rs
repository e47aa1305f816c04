//! SGD and AdamW over all parameters, with state that can be saved.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};
use mbn_ops::optim::{AdamW, Sgd, StepTensors};
use mbn_spec::TensorKind;

use crate::{Gradients, Parameter};

/// Which optimiser, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Momentum: the part of the last step that is kept.
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

/// The parameters to which weight decay applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decayed {
    /// Weights of convolutions and of the classifier.
    Weights,
    /// Also batch norm's parameters and biases, as PyTorch does when given all parameters.
    All,
}

impl Decayed {
    fn has(self, kind: TensorKind) -> bool {
        match self {
            Self::Weights => kind == TensorKind::Weight,
            Self::All => true,
        }
    }
}

/// An optimiser with its state.
#[derive(Debug)]
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    decayed: Decayed,
    state: OptimizerState,
}

/// An optimiser's state: the number of steps, and a tensor for each parameter.
#[derive(Clone, Debug, Default)]
pub struct OptimizerState {
    /// Steps taken.
    pub steps: u32,
    /// By parameter name: SGD's buffer in the parameter's shape, or AdamW's two moments, `[2, ...]`.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Optimizer {
    /// An optimiser that has taken no step, with weight decay of the parameters `decayed`.
    pub fn new(kind: OptimizerKind, weight_decay: f64, decayed: Decayed) -> Self {
        Self {
            kind,
            weight_decay,
            decayed,
            state: OptimizerState::default(),
        }
    }

    /// The state.
    pub fn state(&self) -> &OptimizerState {
        &self.state
    }

    /// Continues from a saved state.
    pub fn set_state(&mut self, state: OptimizerState) {
        self.state = state;
    }

    /// One step of every parameter.
    ///
    /// # Errors
    /// If a parameter has no gradient, the state's number of steps is the largest possible, a setting is not as [`AdamW`] says, or
    /// the device fails.
    pub fn step<'a>(
        &mut self,
        parameters: impl IntoIterator<Item = &'a Parameter>,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<()> {
        // A saved state may have any number.
        let next = self.state.steps.checked_add(1);
        let numbered = next.and_then(|steps| Some((steps, i32::try_from(steps).ok()?)));
        let Some((steps, step)) = numbered else {
            bail!(
                "the optimiser has taken {} steps, more than it can count",
                self.state.steps
            )
        };
        self.state.steps = steps;
        let parameters: Vec<_> = parameters.into_iter().collect();
        for parameter in &parameters {
            self.remember(parameter)?;
        }
        let tensors: Vec<_> = parameters
            .into_iter()
            .map(|parameter| self.tensors(parameter, gradients))
            .collect::<Result<_>>()?;
        let weight_decay = self.weight_decay;
        match self.kind {
            OptimizerKind::Sgd { momentum, nesterov } => Sgd {
                learning_rate,
                momentum,
                weight_decay,
                nesterov,
            }
            .step_all(&tensors),
            OptimizerKind::AdamW {
                beta1,
                beta2,
                epsilon,
            } => AdamW {
                learning_rate,
                beta1,
                beta2,
                epsilon,
                weight_decay,
                step,
            }
            .step_all(&tensors),
        }
    }

    /// What a parameter's step needs.
    fn tensors<'a>(&'a self, parameter: &'a Parameter, gradients: &'a Gradients) -> Result<StepTensors<'a>> {
        let Some(gradient) = gradients.get(parameter) else {
            bail!("parameter `{}` has no gradient", parameter.name)
        };
        let Some(state) = self.state.tensors.get(&parameter.name) else {
            bail!("the optimiser does not know parameter `{}`", parameter.name)
        };
        Ok(StepTensors {
            parameter: parameter.tensor(),
            state,
            gradient,
            decays: self.decayed.has(parameter.kind),
        })
    }

    /// Makes the state of a parameter, unless it exists.
    fn remember(&mut self, parameter: &Parameter) -> Result<()> {
        if self.state.tensors.contains_key(&parameter.name) {
            return Ok(());
        }
        let like = parameter.tensor();
        let shape = match self.kind {
            OptimizerKind::Sgd { .. } => like.dims().to_vec(),
            OptimizerKind::AdamW { .. } => [&[2], like.dims()].concat(),
        };
        let state = Tensor::zeros(shape, like.dtype(), like.device())?;
        self.state.tensors.insert(parameter.name.clone(), state);
        Ok(())
    }
}
