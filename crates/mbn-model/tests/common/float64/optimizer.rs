//! SGD and AdamW over all parameters of the network in float64.

use std::collections::BTreeMap;

use mbn_model::{Decayed, OptimizerKind};
use mbn_spec::TensorKind;
use mbn_testing::float64::{AdamW, Sgd};

use super::Network;

/// An optimiser with its state.
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    decayed: Decayed,
    steps: i32,
    state: BTreeMap<String, Vec<f64>>,
}

impl Optimizer {
    pub fn new(kind: OptimizerKind, weight_decay: f64, decayed: Decayed) -> Self {
        Self {
            kind,
            weight_decay,
            decayed,
            steps: 0,
            state: BTreeMap::new(),
        }
    }

    /// One step of every parameter.
    pub fn step(
        &mut self,
        network: &mut Network,
        gradients: &BTreeMap<String, Vec<f64>>,
        learning_rate: f64,
    ) {
        self.steps += 1;
        let kinds = network.architecture.tensors().into_iter();
        let kinds: BTreeMap<_, _> = kinds.map(|spec| (spec.name, spec.kind)).collect();
        for name in network.parameters() {
            let decays = self.decayed == Decayed::All || kinds[&name] == TensorKind::Weight;
            let weight_decay = if decays { self.weight_decay } else { 0.0 };
            let parameter = network.tensors.get_mut(&name).unwrap();
            let gradient = &gradients[&name];
            let zeros = vec![0.0; 2 * gradient.len()];
            let state = self.state.entry(name).or_insert(zeros);
            match self.kind {
                OptimizerKind::Sgd { momentum, nesterov } => Sgd {
                    learning_rate,
                    momentum,
                    weight_decay,
                    nesterov,
                }
                .step(parameter, &mut state[..gradient.len()], gradient),
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
                    step: self.steps,
                }
                .step(parameter, state, gradient),
            }
        }
    }
}
