//! The CPU's passes over a parameter, its optimiser state and its average.

use candle_core::{Result, Tensor, bail};

use super::kernel::{Kernel, Reader, float_result};
use crate::cpu::optim as cpu;
use crate::operands::checks::{contiguous, expect_apart, expect_floats};
use crate::operands::element::Element;
use crate::operands::optim::{AdamW, AveragedTensors, Sgd, StepTensors};

impl StepTensors<'_> {
    /// An error unless shapes and types fit, and no tensor that changes shares its storage with another. A state has the
    /// parameter's shape after `state_shape`.
    pub(crate) fn check(&self, op: &str, state_shape: &[usize]) -> Result<()> {
        let Self {
            parameter,
            state,
            gradient,
            ..
        } = *self;
        let shape = parameter.dims();
        expect_floats(
            op,
            &[("the parameter", parameter), ("the gradient", gradient)],
            shape,
        )?;
        expect_floats(op, &[("the state", state)], &[state_shape, shape].concat())?;
        // Before one of them changes.
        contiguous(parameter.layout(), op)?;
        contiguous(state.layout(), op)?;
        expect_apart(op, parameter, [state, gradient])?;
        expect_apart(op, state, [gradient])
    }
}

impl AdamW {
    /// An error if the correction of the moments' bias divides by zero.
    pub(crate) fn check(&self) -> Result<()> {
        if self.step < 1 {
            bail!(
                "adamw: the step has the number {}, expected 1 for the first",
                self.step
            )
        }
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                bail!("adamw: {name} is {beta}, expected at least 0 and below 1")
            }
        }
        Ok(())
    }
}

impl AveragedTensors<'_> {
    /// An error unless shapes and types fit, and the two share no storage.
    pub(crate) fn check(&self, op: &str) -> Result<()> {
        let Self { average, value } = *self;
        expect_floats(
            op,
            &[("the average", average), ("the value", value)],
            average.dims(),
        )?;
        expect_apart(op, average, [value])
    }
}

/// Changes the buffer, given the parameter and the gradient.
pub(crate) struct SgdMomentum<'a> {
    pub sgd: &'a Sgd,
    pub parameter: &'a Tensor,
    pub gradient: &'a Tensor,
}

impl Kernel for SgdMomentum<'_> {
    const NAME: &'static str = "sgd";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.parameter, self.gradient]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let parameter = Reader::new(Self::NAME, self.parameter)?;
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let buffer = float_result(Self::NAME, out)?;
        cpu::sgd_momentum(buffer, parameter.values()?, gradient.values()?, self.sgd);
        Ok(())
    }
}

/// Changes the parameter, given the buffer and the gradient.
pub(crate) struct SgdDescend<'a> {
    pub sgd: &'a Sgd,
    pub buffer: &'a Tensor,
    pub gradient: &'a Tensor,
}

impl Kernel for SgdDescend<'_> {
    const NAME: &'static str = "sgd";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.buffer, self.gradient]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let buffer = Reader::new(Self::NAME, self.buffer)?;
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let parameter = float_result(Self::NAME, out)?;
        cpu::sgd_descend(parameter, buffer.values()?, gradient.values()?, self.sgd);
        Ok(())
    }
}

/// Changes the moments, given the gradient.
pub(crate) struct AdamWMoments<'a> {
    pub adamw: &'a AdamW,
    pub gradient: &'a Tensor,
}

impl Kernel for AdamWMoments<'_> {
    const NAME: &'static str = "adamw";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.gradient]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let moments = float_result(Self::NAME, out)?;
        let (first, second) = moments.split_at_mut(moments.len() / 2);
        cpu::adamw_moments(first, second, gradient.values()?, self.adamw);
        Ok(())
    }
}

/// Changes the parameter, given the moments.
pub(crate) struct AdamWDescend<'a> {
    pub adamw: &'a AdamW,
    pub moments: &'a Tensor,
}

impl Kernel for AdamWDescend<'_> {
    const NAME: &'static str = "adamw";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.moments]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let moments = Reader::new(Self::NAME, self.moments)?;
        let moments = moments.values::<f32>()?;
        let (first, second) = moments.split_at(moments.len() / 2);
        cpu::adamw_descend(float_result(Self::NAME, out)?, first, second, self.adamw);
        Ok(())
    }
}

/// Changes the average, given the present value.
pub(crate) struct Average<'a> {
    pub value: &'a Tensor,
    pub gain: f32,
}

impl Kernel for Average<'_> {
    const NAME: &'static str = "average";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.value]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let value = Reader::new(Self::NAME, self.value)?;
        cpu::average(float_result(Self::NAME, out)?, value.values()?, self.gain);
        Ok(())
    }
}
