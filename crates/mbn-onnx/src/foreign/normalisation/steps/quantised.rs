//! Operators of quantised models: integers that stand for what the picture's channels are.

use super::{Step, of_channels};
use crate::foreign::attributes::int;
use crate::foreign::normalisation::channels::Channels;
use crate::proto::DataType;

/// Inputs of `QLinearAdd` and `QLinearMul`: two values, each with its scale and its zero point.
const OPERANDS: [[usize; 3]; 2] = [[0, 1, 2], [3, 4, 5]];

impl Step<'_, '_> {
    /// Integers that stand for the same channels. Their range is that of what they were calibrated with.
    pub(super) fn quantise(&self, taken: &Channels) -> Option<Channels> {
        if taken.are_integers {
            return None;
        }
        let integers = taken.held_as_integers(true);
        let of_range = self
            .range_of_integers()
            .and_then(|[least, most]| integers.calibrated(least, most));
        Some(of_range.unwrap_or(integers))
    }

    /// The least and the most that its integers stand for.
    fn range_of_integers(&self) -> Option<[f64; 2]> {
        let scale = self.constants.number(self.input(1)?)?;
        let (zero, element) = match self.input(2) {
            Some(zero) => (self.constants.number(zero)?, self.constants.data_type(zero)?),
            None => {
                let stated = int(self.node, "output_dtype").filter(|element| *element != 0);
                let stated = stated.map(|element| DataType::try_from(i32::try_from(element).ok()?).ok());
                (0.0, stated.unwrap_or(Some(DataType::Uint8))?)
            }
        };
        let integers: [f64; 2] = match element {
            DataType::Uint8 => [u8::MIN.into(), u8::MAX.into()],
            DataType::Int8 => [i8::MIN.into(), i8::MAX.into()],
            DataType::Uint16 => [u16::MIN.into(), u16::MAX.into()],
            DataType::Int16 => [i16::MIN.into(), i16::MAX.into()],
            _ => return None,
        };
        Some(integers.map(|integer| scale * (integer - zero)))
    }

    /// The channels for which integers stand, or for which bytes that were cast stand.
    pub(super) fn dequantise(&self, taken: &Channels) -> Option<Channels> {
        if taken.are_integers {
            return Some(taken.held_as_integers(false));
        }
        let scale = self.constants.number(self.input(1)?)?;
        let zero = match self.input(2) {
            Some(zero) => self.constants.number(zero)?,
            None => 0.0,
        };
        taken.affine(&[scale], &[-scale * zero])
    }

    /// A sum or a product of integers by a constant.
    pub(super) fn of_integers(&self) -> Option<Channels> {
        let taken = |[value, ..]: [usize; 3]| self.states.get(self.input(value)?);
        let [first, second] = OPERANDS;
        let (taken, [value, scale, zero]) = match (taken(first), taken(second)) {
            (Some(taken), None) => (taken, second),
            (None, Some(taken)) => (taken, first),
            _ => return None,
        };
        if !taken.are_integers {
            return None;
        }
        let constant = |index: usize| self.constants.tensor(self.input(index)?);
        let zero = match self.input(zero) {
            Some(_) => Some(constant(zero)?),
            None => None,
        };
        let (value, scale) = (constant(value)?, constant(scale)?);
        let other = self.constants.dequantised(&value, &scale, zero.as_deref(), 1)?;
        let other = of_channels(taken, &other)?;
        match self.node.op_type() {
            "QLinearMul" => taken.affine(&other, &[0.0]),
            _ => taken.affine(&[1.0], &other),
        }
    }
}
