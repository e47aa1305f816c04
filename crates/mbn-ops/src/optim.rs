//! The steps of SGD and AdamW on one parameter, in place.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{Result, Tensor};

use crate::cpu::optim as cpu;
use crate::double::{self, optim as reference};
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, float_result, launch};

/// Stochastic gradient descent with momentum, as `torch.optim.SGD`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// Part of the last step that is kept.
    pub momentum: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// Whether the gradient is taken at the point that momentum leads to.
    pub nesterov: bool,
}

/// What a step changes, and what it needs for that.
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

impl Sgd {
    /// One step of all of `tensors`; on CUDA one launch for about a hundred of them.
    ///
    /// # Errors
    /// If the shapes differ or a tensor is not contiguous float32.
    pub fn step_all(&self, tensors: &[StepTensors]) -> Result<()> {
        #[cfg(feature = "cuda")]
        if tensors.iter().any(|t| t.parameter.device().is_cuda()) {
            return cuda::sgd(self, tensors);
        }
        for tensors in tensors {
            let weight_decay = if tensors.decays { self.weight_decay } else { 0.0 };
            let sgd = Self {
                weight_decay,
                ..*self
            };
            sgd.step(tensors.parameter, tensors.state, tensors.gradient)?;
        }
        Ok(())
    }

    /// One step: updates `parameter` and its momentum `buffer`, all of one shape.
    ///
    /// # Errors
    /// If the shapes differ, a tensor is not contiguous, or they are not all float32 or all float64.
    pub fn step(&self, parameter: &Tensor, buffer: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("sgd", "gradient", gradient, parameter.dims())?;
        expect_shape("sgd", "buffer", buffer, parameter.dims())?;
        if parameter.device().is_cuda() {
            return self.step_all(&[StepTensors::decaying(parameter, buffer, gradient)]);
        }
        let gradient = gradient.contiguous()?;
        let pass = |kernel: SgdKernel<f32>, double: SgdKernel<f64>, other, target| {
            let (sgd, gradient) = (self, &gradient);
            launch(
                &SgdPass {
                    sgd,
                    kernel,
                    double,
                    other,
                    gradient,
                },
                target,
            )
        };
        pass(cpu::sgd_momentum, reference::sgd_momentum, parameter, buffer)?;
        pass(cpu::sgd_descend, reference::sgd_descend, buffer, parameter)
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

impl<'a> StepTensors<'a> {
    fn decaying(parameter: &'a Tensor, state: &'a Tensor, gradient: &'a Tensor) -> Self {
        Self {
            parameter,
            state,
            gradient,
            decays: true,
        }
    }
}

impl AdamW {
    /// One step of all of `tensors`; on CUDA one launch for about a hundred of them.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not contiguous float32.
    pub fn step_all(&self, tensors: &[StepTensors]) -> Result<()> {
        #[cfg(feature = "cuda")]
        if tensors.iter().any(|t| t.parameter.device().is_cuda()) {
            return cuda::adamw(self, tensors);
        }
        for tensors in tensors {
            let weight_decay = if tensors.decays { self.weight_decay } else { 0.0 };
            let adamw = Self {
                weight_decay,
                ..*self
            };
            adamw.step(tensors.parameter, tensors.state, tensors.gradient)?;
        }
        Ok(())
    }

    /// One step: updates `parameter` and its `moments`, `[2, ...]` of the parameter's shape.
    ///
    /// # Errors
    /// If the shapes do not fit, a tensor is not contiguous, or they are not all float32 or all float64.
    pub fn step(&self, parameter: &Tensor, moments: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("adamw", "gradient", gradient, parameter.dims())?;
        expect_shape("adamw", "moments", moments, &[&[2], parameter.dims()].concat())?;
        if parameter.device().is_cuda() {
            return self.step_all(&[StepTensors::decaying(parameter, moments, gradient)]);
        }
        let gradient = gradient.contiguous()?;
        launch(
            &AdamWMoments {
                adamw: self,
                gradient: &gradient,
            },
            moments,
        )?;
        launch(&AdamWDescend { adamw: self, moments }, parameter)
    }
}

/// Changes its first argument, given the other tensor and the gradient.
type SgdKernel<T> = fn(&mut [T], &[T], &[T], &Sgd);

/// One of SGD's two passes, which changes the parameter or the buffer given the other.
struct SgdPass<'a> {
    sgd: &'a Sgd,
    kernel: SgdKernel<f32>,
    double: SgdKernel<f64>,
    other: &'a Tensor,
    gradient: &'a Tensor,
}

impl Kernel for SgdPass<'_> {
    const NAME: &'static str = "sgd";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let other = Reader::new(Self::NAME, self.other)?;
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let target = float_result(Self::NAME, out)?;
        (self.kernel)(target, other.values()?, gradient.values()?, self.sgd);
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        let other = double::values(Self::NAME, self.other)?;
        let gradient = double::values(Self::NAME, self.gradient)?;
        (self.double)(out, &other, &gradient, self.sgd);
        Ok(())
    }
}

/// Changes the moments.
struct AdamWMoments<'a> {
    adamw: &'a AdamW,
    gradient: &'a Tensor,
}

impl Kernel for AdamWMoments<'_> {
    const NAME: &'static str = "adamw";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let moments = float_result(Self::NAME, out)?;
        let (first, second) = moments.split_at_mut(moments.len() / 2);
        cpu::adamw_moments(first, second, gradient.values()?, self.adamw);
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        reference::adamw_moments(out, &double::values(Self::NAME, self.gradient)?, self.adamw);
        Ok(())
    }
}

/// Changes the parameter.
struct AdamWDescend<'a> {
    adamw: &'a AdamW,
    moments: &'a Tensor,
}

impl Kernel for AdamWDescend<'_> {
    const NAME: &'static str = "adamw";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let moments = Reader::new(Self::NAME, self.moments)?;
        let moments = moments.values::<f32>()?;
        let (first, second) = moments.split_at(moments.len() / 2);
        cpu::adamw_descend(float_result(Self::NAME, out)?, first, second, self.adamw);
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        reference::adamw_descend(out, &double::values(Self::NAME, self.moments)?, self.adamw);
        Ok(())
    }
}
