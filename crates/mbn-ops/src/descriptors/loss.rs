//! Sums over the steps of training.

use candle_core::{DType, Result, Tensor};

use super::kernel::{Kernel, Reader, float_result};
use crate::cpu::loss as cpu;
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::element::Element;

/// Adds a batch to the sum of losses and the number of images classified correctly.
pub(crate) struct Tally<'a> {
    pub loss: &'a Tensor,
    pub predicted: &'a Tensor,
    pub labels: &'a Tensor,
}

impl<'a> Tally<'a> {
    /// An error unless everything fits `sums`.
    pub fn new(loss: &'a Tensor, predicted: &'a Tensor, labels: &'a Tensor, sums: &Tensor) -> Result<Self> {
        let name = Self::NAME;
        expect_floats(name, &[("the loss", loss)], &[])?;
        expect_shape(name, "the labels", labels, &[predicted.dims1()?])?;
        expect_floats(name, &[("the sums", sums)], &[2])?;
        expect_type(name, "the prediction", predicted, DType::U32)?;
        expect_type(name, "the labels", labels, DType::U32)?;
        Ok(Self {
            loss,
            predicted,
            labels,
        })
    }
}

impl Kernel for Tally<'_> {
    const NAME: &'static str = "tally";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.loss, self.predicted, self.labels]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let [loss, predicted, labels] =
            [self.loss, self.predicted, self.labels].map(|tensor| Reader::new(Self::NAME, tensor));
        let (loss, predicted, labels) = (loss?, predicted?, labels?);
        let sums = float_result(Self::NAME, out)?;
        cpu::tally(loss.values()?, predicted.values()?, labels.values()?, sums);
        Ok(())
    }
}
