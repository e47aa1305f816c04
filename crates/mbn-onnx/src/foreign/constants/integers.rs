//! Integers that stand for numbers, as in quantised models.

use super::compute::Node;
use super::{Constants, Tensor};

impl Constants<'_> {
    /// The numbers that integers stand for: `scale * (integer - zero point)`, with one scale or one for each part of dimension `axis`.
    pub(in crate::foreign) fn dequantised(
        &self,
        integers: &Tensor,
        scale: &Tensor,
        zero: Option<&Tensor>,
        axis: i64,
    ) -> Option<Tensor> {
        let along = |tensor: &Tensor| match tensor.values.len() {
            1 => Some(Tensor::scalar(tensor.values[0], false)),
            length => {
                let axis = integers.axis(axis)?;
                let mut dims = vec![1; integers.dims.len() - axis];
                dims[0] = length;
                tensor.shaped(dims)
            }
        };
        let shifted = match zero {
            Some(zero) => self.paired(integers, &along(zero)?, |integer, zero| integer - zero)?,
            None => integers.clone(),
        };
        let found = self.paired(&shifted, &along(scale)?, |integer, scale| integer * scale)?;
        Some(Tensor {
            is_whole: false,
            ..found
        })
    }
}

impl Node<'_, '_> {
    /// The integers of numbers, as far as the type of the integers does not cut them.
    pub(super) fn quantised(&self, first: &Tensor) -> Option<Tensor> {
        let (scale, zero) = (self.input(1)?, self.optional(2)?);
        let ([scale], zero) = (
            scale.values.as_slice(),
            zero.as_deref().map(|zero| zero.values.as_slice()),
        ) else {
            return None;
        };
        let zero = match zero {
            None => 0.0,
            Some([zero]) => *zero,
            Some(_) => return None,
        };
        Some(Tensor {
            is_whole: true,
            ..first.map(|value| (value / scale).round_ties_even() + zero)
        })
    }
}
