//! The steps of SGD, AdamW and the moving average, in place.

use candle_core::{Result, Tensor};

use crate::descriptors::kernel::{Kernel, run_on_cpu};
use crate::descriptors::optim::{AdamWDescend, AdamWMoments, Average, SgdDescend, SgdMomentum};
use crate::operands::checks::expect_shape;
use crate::operands::optim::{AdamW, AveragedTensors, Sgd, StepTensors};

impl Sgd {
    /// One step of all of `tensors`; on CUDA one launch for about a hundred of them.
    ///
    /// # Errors
    /// If the shapes differ or a tensor is not contiguous float32.
    pub fn step_all(&self, tensors: &[StepTensors]) -> Result<()> {
        #[cfg(feature = "cuda")]
        if tensors.iter().any(|t| t.parameter.device().is_cuda()) {
            return crate::cuda::sgd(self, tensors);
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
    /// If the shapes differ or a tensor is not contiguous float32.
    pub fn step(&self, parameter: &Tensor, buffer: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("sgd", "gradient", gradient, parameter.dims())?;
        expect_shape("sgd", "buffer", buffer, parameter.dims())?;
        if parameter.device().is_cuda() {
            return self.step_all(&[StepTensors::decaying(parameter, buffer, gradient)]);
        }
        let (sgd, gradient) = (self, &gradient.contiguous()?);
        let momentum = SgdMomentum {
            sgd,
            parameter,
            gradient,
        };
        run_on_cpu(&momentum, buffer)?;
        let descend = SgdDescend {
            sgd,
            buffer,
            gradient,
        };
        run_on_cpu(&descend, parameter)
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
            return crate::cuda::adamw(self, tensors);
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
    /// If the shapes do not fit or a tensor is not contiguous float32.
    pub fn step(&self, parameter: &Tensor, moments: &Tensor, gradient: &Tensor) -> Result<()> {
        expect_shape("adamw", "gradient", gradient, parameter.dims())?;
        expect_shape("adamw", "moments", moments, &[&[2], parameter.dims()].concat())?;
        if parameter.device().is_cuda() {
            return self.step_all(&[StepTensors::decaying(parameter, moments, gradient)]);
        }
        let (adamw, gradient) = (self, &gradient.contiguous()?);
        run_on_cpu(&AdamWMoments { adamw, gradient }, moments)?;
        run_on_cpu(&AdamWDescend { adamw, moments }, parameter)
    }
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

/// Moves all averages by `gain` of their distance to the values: `average += gain (value - average)`. On CUDA one launch
/// for 160 of them.
///
/// # Errors
/// If the shapes differ or a tensor is not contiguous float32.
pub fn average_all(tensors: &[AveragedTensors], gain: f64) -> Result<()> {
    #[cfg(feature = "cuda")]
    if tensors.iter().any(|t| t.average.device().is_cuda()) {
        return crate::cuda::average(tensors, gain);
    }
    for &AveragedTensors { average, value } in tensors {
        expect_shape(Average::NAME, "the value", value, average.dims())?;
        if average.elem_count() > 0 {
            let gain = gain as f32;
            run_on_cpu(&Average { value, gain }, average)?;
        }
    }
    Ok(())
}
