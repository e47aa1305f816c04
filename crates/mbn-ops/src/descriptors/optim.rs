//! The CPU's passes over a parameter, its optimiser state and its average.

use candle_core::{Result, Tensor};

use super::kernel::{Kernel, Reader, float_result};
use crate::cpu::optim as cpu;
use crate::operands::element::Element;
use crate::operands::optim::{AdamW, Sgd};

/// Changes the buffer, given the parameter and the gradient.
pub(crate) struct SgdMomentum<'a> {
    pub sgd: &'a Sgd,
    pub parameter: &'a Tensor,
    pub gradient: &'a Tensor,
}

impl Kernel for SgdMomentum<'_> {
    const NAME: &'static str = "sgd";
    type Side = ();

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

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let value = Reader::new(Self::NAME, self.value)?;
        cpu::average(float_result(Self::NAME, out)?, value.values()?, self.gain);
        Ok(())
    }
}
