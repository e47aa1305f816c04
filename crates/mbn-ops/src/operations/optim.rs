//! The steps of SGD, AdamW and the moving average, in place.

use candle_core::{Result, Tensor};

use crate::descriptors::kernel::{Kernel, run_on_cpu};
use crate::descriptors::optim::{AdamWDescend, AdamWMoments, Average, SgdDescend, SgdMomentum};
use crate::operands::optim::{AdamW, AveragedTensors, Sgd, StepTensors};

impl Sgd {
    /// One step of all of `tensors`; on CUDA one launch for about a hundred of them.
    ///
    /// # Errors
    /// If the shapes differ, a tensor is not float32, the parameter or its buffer is not contiguous, or one of the two shares its
    /// storage with another tensor of the entry.
    pub fn step_all(&self, tensors: &[StepTensors]) -> Result<()> {
        tensors
            .iter()
            .try_for_each(|tensors| tensors.check(SgdMomentum::NAME, &[]))?;
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
    /// As [`Sgd::step_all`].
    pub fn step(&self, parameter: &Tensor, buffer: &Tensor, gradient: &Tensor) -> Result<()> {
        let tensors = StepTensors::decaying(parameter, buffer, gradient);
        tensors.check(SgdMomentum::NAME, &[])?;
        if parameter.device().is_cuda() {
            return self.step_all(&[tensors]);
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
    /// If the step's number or a beta is not as [`AdamW`] says, the shapes do not fit, a tensor is not float32, the parameter or its
    /// moments are not contiguous, or one of the two shares its storage with another tensor of the entry.
    pub fn step_all(&self, tensors: &[StepTensors]) -> Result<()> {
        self.check()?;
        tensors
            .iter()
            .try_for_each(|tensors| tensors.check(AdamWMoments::NAME, &[2]))?;
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
    /// As [`AdamW::step_all`].
    pub fn step(&self, parameter: &Tensor, moments: &Tensor, gradient: &Tensor) -> Result<()> {
        self.check()?;
        let tensors = StepTensors::decaying(parameter, moments, gradient);
        tensors.check(AdamWMoments::NAME, &[2])?;
        if parameter.device().is_cuda() {
            return self.step_all(&[tensors]);
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
/// If the shapes differ, a tensor is not contiguous float32, or an average shares its storage with its value.
pub fn average_all(tensors: &[AveragedTensors], gain: f64) -> Result<()> {
    tensors
        .iter()
        .try_for_each(|tensors| tensors.check(Average::NAME))?;
    #[cfg(feature = "cuda")]
    if tensors.iter().any(|t| t.average.device().is_cuda()) {
        return crate::cuda::average(tensors, gain);
    }
    for &AveragedTensors { average, value } in tensors {
        if average.elem_count() > 0 {
            let gain = gain as f32;
            run_on_cpu(&Average { value, gain }, average)?;
        }
    }
    Ok(())
}
