//! What a node does to the channels of the values that it takes.

mod layers;

use std::collections::HashMap;

use super::channels::{Channels, Place};
use super::constants::{Constants, float, int, ints};
use crate::foreign::functions::is_onnx;
use crate::proto::NodeProto;

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
    pub(super) constants: &'s Constants<'a>,
    pub(super) layers: Layers,
}

impl Step<'_, '_> {
    /// The channels of each output; `None` if the node does something else than to take each channel times a factor and add a
    /// number, and to put them in another place.
    pub(super) fn outputs(&self) -> Option<Vec<Channels>> {
        let one = |channels: Option<Channels>| channels.map(|channels| vec![channels]);
        if !is_onnx(self.node.domain()) {
            return None;
        }
        match self.node.op_type() {
            "Split" => self.split(),
            "Concat" => one(self.concat()),
            "Add" | "Sub" | "Mul" | "Div" => one(self.arithmetic()),
            op => {
                let taken = self.states.get(self.input(0)?)?;
                one(match op {
                    "Cast" | "Identity" | "Dropout" => Some(taken.clone()),
                    "Clip" => self.clip(taken),
                    "Transpose" => self.transpose(taken),
                    "Resize" | "Upsample" | "Pad" => self.spatial(taken),
                    "Slice" => self.slice(taken),
                    "Gather" => self.gather(taken),
                    "GatherND" => self.gather_nd(taken),
                    "Unsqueeze" => self.unsqueeze(taken),
                    "Reshape" => self.reshape(taken),
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
        let [a, b] = self.node.input.as_slice() else {
            return None;
        };
        let is_first = self.states.contains_key(a.as_str());
        let (taken, other) = if is_first { (a, b) } else { (b, a) };
        let taken = self.states.get(taken.as_str())?;
        // Three values along height or width are another thing, which no classifier does.
        let other = self.constants.values(other)?;
        let negative = || other.iter().map(|value| -value).collect::<Vec<_>>();
        match self.node.op_type() {
            "Add" => taken.affine(&[1.0], &other),
            "Sub" if is_first => taken.affine(&[1.0], &negative()),
            "Mul" => taken.affine(&other, &[0.0]),
            "Div" if is_first => {
                let factors: Vec<_> = other.iter().map(|value| 1.0 / value).collect();
                taken.affine(&factors, &[0.0])
            }
            _ => None,
        }
    }

    /// Bounds of pictures: those of an activation, such as 0 and 6, are no preprocessing.
    fn clip(&self, taken: &Channels) -> Option<Channels> {
        let bound = |index: usize, name: &str| match self.input(index) {
            Some(_) => self.constant(index)?.first().copied(),
            None => float(self.node, name),
        };
        let (least, most) = (bound(1, "min")?, bound(2, "max")?);
        taken.clipped(least, most)
    }

    fn transpose(&self, taken: &Channels) -> Option<Channels> {
        let perm = ints(self.node, "perm");
        let place = match (taken.place, perm) {
            (Place::Axis(axis), Some(perm)) if perm.len() == 4 => {
                Place::Axis(perm.iter().position(|from| usize::try_from(*from) == Ok(axis))?)
            }
            (Place::Axis(_), _) => return None,
            // The two that bring a picture from one layout to the other.
            (Place::Unknown, Some([0, 3, 1, 2])) => Place::Axis(1),
            (Place::Unknown, Some([0, 2, 3, 1])) => Place::Axis(3),
            (place, _) => place,
        };
        Some(taken.at(place))
    }

    /// What moves or mixes pixels, and leaves the channels.
    fn spatial(&self, taken: &Channels) -> Option<Channels> {
        let Place::Axis(axis) = taken.place else {
            return None;
        };
        if self.node.op_type() == "Pad" {
            let pads = self.ints(1, "pads")?;
            let (before, after) = pads.split_at_checked(4)?;
            if before.get(axis) != Some(&0) || after.get(axis) != Some(&0) {
                return None;
            }
        }
        Some(taken.clone())
    }

    fn slice(&self, taken: &Channels) -> Option<Channels> {
        let axis = axis(taken)?;
        let (starts, ends) = (self.ints(1, "starts")?, self.ints(2, "ends")?);
        let count = starts.len() as i64;
        let axes = self.ints_or(3, "axes", || (0..count).collect())?;
        let steps = self.ints_or(4, "steps", || vec![1; starts.len()])?;
        let mut kept = taken.clone();
        for (i, of) in axes.iter().enumerate() {
            if normal(*of)? != axis {
                continue;
            }
            let (start, end, step) = (*starts.get(i)?, *ends.get(i)?, *steps.get(i)?);
            kept = kept.select(sliced(kept.len() as i64, start, end, step)?)?;
        }
        Some(kept)
    }

    fn gather(&self, taken: &Channels) -> Option<Channels> {
        if normal(int(self.node, "axis").unwrap_or(0))? != axis(taken)? {
            return None;
        }
        let name = self.input(1)?;
        let selected = self.selected(taken, name)?;
        Some(match self.constants.is_scalar(name)? {
            true => selected.at(Place::Dropped),
            false => selected,
        })
    }

    /// Parts of the first dimension, to which PyTorch brings the channels for this.
    fn gather_nd(&self, taken: &Channels) -> Option<Channels> {
        let name = self.input(1)?;
        let is_of_channels = matches!(self.constants.dims(name)?, [_, 1])
            && int(self.node, "batch_dims").unwrap_or(0) == 0
            && taken.place == Place::Axis(0);
        is_of_channels.then(|| self.selected(taken, name)).flatten()
    }

    /// The channels of the indexes in a constant.
    fn selected(&self, taken: &Channels, indexes: &str) -> Option<Channels> {
        let len = taken.len() as i64;
        let from_start = |index: i64| {
            if index < 0 {
                index.checked_add(len)
            } else {
                Some(index)
            }
        };
        let indexes = self.constants.ints(indexes)?.into_iter();
        let indexes: Option<Vec<_>> = indexes
            .map(|index| usize::try_from(from_start(index)?).ok())
            .collect();
        taken.select(indexes?)
    }

    /// Puts back the dimension that a single channel lost.
    fn unsqueeze(&self, taken: &Channels) -> Option<Channels> {
        let axes = self.ints(1, "axes")?;
        match (taken.place, axes.as_slice()) {
            (Place::Dropped, [axis]) => Some(taken.at(Place::Axis(normal(*axis)?))),
            _ => None,
        }
    }

    /// A shape that keeps the channels where they are.
    fn reshape(&self, taken: &Channels) -> Option<Channels> {
        let axis = axis(taken)?;
        let shape = self.ints(1, "shape")?;
        let is_kept = shape.len() == 4 && [0, taken.len() as i64].contains(&shape[axis]);
        is_kept.then(|| taken.clone())
    }

    fn split(&self) -> Option<Vec<Channels>> {
        let taken = self.states.get(self.input(0)?)?;
        if normal(int(self.node, "axis").unwrap_or(0))? != axis(taken)? {
            return None;
        }
        let parts = self.node.output.len();
        let sizes: Vec<usize> = match self.ints(1, "split") {
            Some(sizes) => sizes
                .iter()
                .map(|size| usize::try_from(*size).ok())
                .collect::<Option<_>>()?,
            None if self.input(1).is_none() && parts > 0 && taken.len().is_multiple_of(parts) => {
                vec![taken.len() / parts; parts]
            }
            None => return None,
        };
        let mut start = 0usize;
        let part = |size: usize| {
            let from = start;
            start = from.checked_add(size)?;
            taken.select(from..start)
        };
        sizes.into_iter().map(part).collect()
    }

    fn concat(&self) -> Option<Channels> {
        let parts = self
            .node
            .input
            .iter()
            .map(|input| self.states.get(input.as_str()));
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        let joined = Channels::joined(&parts)?;
        (normal(int(self.node, "axis")?)? == axis(&joined)?).then_some(joined)
    }
}

/// The dimension of the channels of a picture.
fn axis(taken: &Channels) -> Option<usize> {
    match taken.place {
        Place::Axis(axis) => Some(axis),
        Place::Unknown | Place::Dropped => None,
    }
}

/// A dimension of four, which may be counted from the end.
fn normal(axis: i64) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(4)? } else { axis };
    usize::try_from(axis).ok().filter(|axis| *axis < 4)
}

/// The indexes that a slice takes of `len`.
fn sliced(len: i64, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let from_start = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, end) = (from_start(start), from_start(end));
    let indexes = match step {
        0 => return None,
        1.. => (start.clamp(0, len), end.clamp(0, len)),
        _ => (start.clamp(0, len - 1), end.clamp(-1, len - 1)),
    };
    let (mut at, end) = indexes;
    let mut taken = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        taken.push(usize::try_from(at).ok()?);
        at = at.saturating_add(step);
    }
    Some(taken)
}
