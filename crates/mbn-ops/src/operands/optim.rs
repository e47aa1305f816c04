//! SGD, AdamW and the moving average: their settings, and the tensors of a step.

use candle_core::Tensor;

/// Stochastic gradient descent with momentum, as `torch.optim.SGD`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f64,
    /// Momentum: the part of the last step that is kept.
    pub momentum: f64,
    /// Weight decay: added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the average gradient, at least 0 and below 1.
    pub beta1: f64,
    /// Decay of the average squared gradient, at least 0 and below 1.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Weight decay: the part of the parameter that a step of size 1 removes.
    pub weight_decay: f64,
    /// Number of this step, from 1: at 0 the correction of the moments' bias would divide by zero.
    pub step: i32,
}

/// The tensors of one parameter's step. The parameter and its state share their storage with no other of the three.
#[derive(Clone, Copy, Debug)]
pub struct StepTensors<'a> {
    /// Changed in place.
    pub parameter: &'a Tensor,
    /// SGD's buffer in the parameter's shape, or AdamW's two moments, `[2, ...]`; changed in place.
    pub state: &'a Tensor,
    /// In the parameter's shape.
    pub gradient: &'a Tensor,
    /// Whether weight decay applies.
    pub decays: bool,
}

/// A moving average and what it follows, in storages of their own.
#[derive(Clone, Copy, Debug)]
pub struct AveragedTensors<'a> {
    /// Changed in place.
    pub average: &'a Tensor,
    /// In the average's shape.
    pub value: &'a Tensor,
}
