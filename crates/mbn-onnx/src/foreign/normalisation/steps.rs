//! What a node does to the channels of the values that it takes.

mod arithmetic;
mod layers;
mod places;
mod quantised;

use std::collections::{HashMap, HashSet};

use super::channels::{Channels, Place};
use crate::foreign::attributes::{float, ints};
use crate::foreign::constants::{Constants, Tensor};
use crate::foreign::functions::is_onnx;
use crate::proto::NodeProto;

/// The largest number of float32, which exporters have written where there is no bound.
const NO_BOUND: f64 = 3.4e38;

/// Whether operators that may be layers of the network are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layers {
    Followed,
    Left,
}

/// A node, and what is known of what it takes.
pub(super) struct Step<'a, 's> {
    pub(super) node: &'a NodeProto,
    pub(super) states: &'s HashMap<&'a str, Channels>,
    /// Values that were computed of channels and are not followed, such as a picture's own mean.
    pub(super) statistics: &'s HashSet<&'a str>,
    pub(super) constants: &'s Constants<'a>,
    pub(super) layers: Layers,
}

impl Step<'_, '_> {
    /// The channels of each output; `None` if the node does something else than to take each channel times a factor and add a
    /// number, and to put them in another place.
    pub(super) fn outputs(&self) -> Option<Vec<Channels>> {
        let one = |channels: Option<Channels>| channels.map(|channels| vec![channels]);
        if !is_onnx(self.node.domain()) && self.node.domain() != "com.microsoft" {
            return None;
        }
        match self.node.op_type() {
            "Split" => self.split(),
            "Concat" => one(self.concat()),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Max" | "Min" => one(self.arithmetic()),
            "QLinearAdd" | "QLinearMul" => one(self.of_integers()),
            op => {
                let taken = self.states.get(self.input(0)?)?;
                one(match op {
                    "Identity" | "Dropout" => Some(taken.clone()),
                    "Transpose" => self.transpose(taken),
                    "Resize" | "Upsample" | "Pad" => self.spatial(taken),
                    "Slice" => self.slice(taken),
                    "Gather" => self.gather(taken),
                    "GatherND" => self.gather_nd(taken),
                    "Unsqueeze" => self.unsqueeze(taken),
                    "Reshape" => self.reshape(taken),
                    "QuantizeLinear" => self.quantise(taken),
                    "DequantizeLinear" => self.dequantise(taken),
                    // The others would take the integers themselves.
                    _ if taken.are_integers => None,
                    // Pixels that are rounded stay what they are, within a level.
                    "Cast" | "CastLike" | "Round" | "Floor" | "Ceil" => Some(taken.clone()),
                    "Neg" => taken.affine(&[-1.0], &[0.0]),
                    "Clip" => self.clip(taken),
                    "BatchNormalization" if self.layers == Layers::Followed => self.batch_norm(taken),
                    "Conv" if self.layers == Layers::Followed => self.conv(taken),
                    _ => None,
                })
            }
        }
    }

    /// An input that is not left out.
    fn input(&self, index: usize) -> Option<&str> {
        let input = self.node.input.get(index).map(String::as_str);
        input.filter(|input| !input.is_empty())
    }

    /// The values of an input that is a constant.
    fn constant(&self, index: usize) -> Option<Vec<f64>> {
        self.constants.values(self.input(index)?)
    }

    /// Whole numbers that are an input, or an attribute in older models.
    fn ints(&self, index: usize, name: &str) -> Option<Vec<i64>> {
        match self.input(index) {
            Some(input) => self.constants.ints(input),
            None => ints(self.node, name).map(<[i64]>::to_vec),
        }
    }

    /// The same, or what holds where neither is there.
    fn ints_or(&self, index: usize, name: &str, usual: impl FnOnce() -> Vec<i64>) -> Option<Vec<i64>> {
        match self.input(index) {
            Some(_) => self.ints(index, name),
            None => Some(self.ints(index, name).unwrap_or_else(usual)),
        }
    }

    fn arithmetic(&self) -> Option<Channels> {
        let inputs = &self.node.input;
        let index = inputs
            .iter()
            .position(|name| self.states.contains_key(name.as_str()))?;
        let mut taken = self.states.get(inputs[index].as_str())?.clone();
        if taken.are_integers {
            return None;
        }
        let is_first = index == 0;
        // All but `Sum`, `Max` and `Min` have two inputs.
        for name in inputs
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .map(|(_, name)| name)
        {
            let other = of_channels(&taken, &*self.constants.tensor(name)?)?;
            let negative = || other.iter().map(|value| -value).collect::<Vec<_>>();
            taken = match (self.node.op_type(), other.as_slice()) {
                ("Add" | "Sum", _) => taken.affine(&[1.0], &other),
                ("Sub", _) if is_first => taken.affine(&[1.0], &negative()),
                ("Sub", _) => taken.affine(&[-1.0], &other),
                ("Mul", _) => taken.affine(&other, &[0.0]),
                ("Div", _) if is_first => {
                    let factors: Vec<_> = other.iter().map(|value| 1.0 / value).collect();
                    taken.affine(&factors, &[0.0])
                }
                ("Max", [least]) => taken.clipped(Some(*least), None),
                ("Min", [most]) => taken.clipped(None, Some(*most)),
                _ => None,
            }?;
        }
        Some(taken)
    }

    /// Bounds of pictures: those of an activation, such as 0 and 6, are no preprocessing.
    fn clip(&self, taken: &Channels) -> Option<Channels> {
        let bound = |index: usize, name: &str| match self.input(index) {
            Some(input) => self.constants.number(input).map(Some),
            None => Some(float(self.node, name)),
        };
        let is_bound = |bound: &f64| bound.abs() < NO_BOUND;
        let (least, most) = (bound(1, "min")?, bound(2, "max")?);
        taken.clipped(least.filter(is_bound), most.filter(is_bound))
    }
}

/// A constant's value for each channel, or one for all. Of a constant of the picture's shape, such as a mean image, that is the average.
fn of_channels(taken: &Channels, constant: &Tensor) -> Option<Vec<f64>> {
    let (dims, values) = (&constant.dims, &constant.values);
    // Three values along height or width are another thing, which no classifier does.
    if values.len() == 1 || values.len() == taken.len() {
        return Some(values.clone());
    }
    let average = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    };
    // A picture has four dimensions, and the last ones of both belong together.
    let own = |axis: usize| (axis + dims.len()).checked_sub(4).filter(|own| *own < dims.len());
    let axis = match taken.place {
        Place::Axis(axis) => own(axis),
        Place::Dropped => None,
        Place::Unknown if taken.len() == 1 => None,
        Place::Unknown => {
            let mut fitting = [1, 3].into_iter().filter_map(own);
            let axis = fitting.find(|own| dims[*own] == taken.len())?;
            if fitting.any(|own| dims[own] == taken.len()) {
                return None;
            }
            Some(axis)
        }
    };
    let Some(axis) = axis.filter(|axis| dims[*axis] != 1) else {
        return Some(vec![average(&mut values.iter().copied())?]);
    };
    if dims[axis] != taken.len() {
        return None;
    }
    let inner: usize = dims[axis + 1..].iter().product();
    let of = |channel: usize| {
        let parts = values.chunks(inner.max(1)).skip(channel).step_by(taken.len());
        average(&mut parts.flatten().copied())
    };
    (0..taken.len()).map(of).collect()
}
