//! The steps of SGD and AdamW on one parameter, in place.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

use crate::cpu::optim as cpu;
use crate::launch::{expect_shape, floats, floats_mut};

/// Stochastic gradient descent with momentum, as `torch.optim.SGD`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// Part of the last step that is kept.
    pub momentum: f32,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f32,
    /// Whether the gradient is taken at the point that momentum leads to.
    pub nesterov: bool,
}

impl Sgd {
    /// One step: updates `parameter` and its momentum `buffer`, all of one shape.
    ///
    /// # Errors
    /// If the shapes differ or a tensor is not contiguous float32.
    pub fn step(&self, parameter: &Tensor, buffer: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("sgd", "gradient", gradient, parameter.dims())?;
        expect_shape("sgd", "buffer", buffer, parameter.dims())?;
        let gradient = gradient.contiguous()?;
        buffer.inplace_op3(parameter, &gradient, &SgdPass::Momentum(*self))?;
        parameter.inplace_op3(buffer, &gradient, &SgdPass::Descend(*self))
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the average gradient.
    pub beta1: f64,
    /// Decay of the average squared gradient.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Part of the parameter that a step of size 1 removes.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: i32,
}

impl AdamW {
    /// One step: updates `parameter` and its `moments`, `[2, ...]` of the parameter's shape.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not contiguous float32.
    pub fn step(&self, parameter: &Tensor, moments: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("adamw", "gradient", gradient, parameter.dims())?;
        expect_shape("adamw", "moments", moments, &[&[2], parameter.dims()].concat())?;
        moments.inplace_op2(&gradient.contiguous()?, &AdamWPass::Moments(*self))?;
        parameter.inplace_op2(moments, &AdamWPass::Descend(*self))
    }
}

enum SgdPass {
    Momentum(Sgd),
    Descend(Sgd),
}

impl InplaceOp3 for SgdPass {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        other: &CpuStorage,
        other_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let target = floats_mut(target, target_layout, self.name())?;
        let other = floats(other, other_layout, self.name())?;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        match self {
            Self::Momentum(sgd) => cpu::sgd_momentum(target, other, gradient, sgd),
            Self::Descend(sgd) => cpu::sgd_descend(target, other, gradient, sgd),
        }
        Ok(())
    }
}

enum AdamWPass {
    Moments(AdamW),
    Descend(AdamW),
}

impl InplaceOp2 for AdamWPass {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        other: &CpuStorage,
        other_layout: &Layout,
    ) -> Result<()> {
        let target = floats_mut(target, target_layout, self.name())?;
        let other = floats(other, other_layout, self.name())?;
        match self {
            Self::Moments(adamw) => {
                let (first, second) = target.split_at_mut(target.len() / 2);
                cpu::adamw_moments(first, second, other, adamw);
            }
            Self::Descend(adamw) => {
                let (first, second) = other.split_at(other.len() / 2);
                cpu::adamw_descend(target, first, second, adamw);
            }
        }
        Ok(())
    }
}
