//! What puts channels in other places, takes them apart or joins them.

use super::Step;
use crate::foreign::attributes::{int, ints};
use crate::foreign::constants::sliced;
use crate::foreign::normalisation::channels::{Channels, Place};

impl Step<'_, '_> {
    pub(super) fn transpose(&self, taken: &Channels) -> Option<Channels> {
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
    pub(super) fn spatial(&self, taken: &Channels) -> Option<Channels> {
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

    pub(super) fn slice(&self, taken: &Channels) -> Option<Channels> {
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
            kept = kept.select(sliced(kept.len(), start, end, step)?)?;
        }
        Some(kept)
    }

    pub(super) fn gather(&self, taken: &Channels) -> Option<Channels> {
        if normal(int(self.node, "axis").unwrap_or(0))? != axis(taken)? {
            return None;
        }
        let name = self.input(1)?;
        let selected = self.selected(taken, name)?;
        Some(match self.constants.tensor(name)?.dims.is_empty() {
            true => selected.at(Place::Dropped),
            false => selected,
        })
    }

    /// Parts of the first dimension, to which PyTorch brings the channels for this.
    pub(super) fn gather_nd(&self, taken: &Channels) -> Option<Channels> {
        let name = self.input(1)?;
        let is_of_channels = matches!(self.constants.tensor(name)?.dims.as_slice(), [_, 1])
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
    pub(super) fn unsqueeze(&self, taken: &Channels) -> Option<Channels> {
        let axes = self.ints(1, "axes")?;
        match (taken.place, axes.as_slice()) {
            (Place::Dropped, [axis]) => Some(taken.at(Place::Axis(normal(*axis)?))),
            _ => None,
        }
    }

    /// A shape that keeps the channels where they are.
    pub(super) fn reshape(&self, taken: &Channels) -> Option<Channels> {
        let axis = axis(taken)?;
        let shape = self.ints(1, "shape")?;
        let is_kept = shape.len() == 4 && [0, taken.len() as i64].contains(&shape[axis]);
        is_kept.then(|| taken.clone())
    }

    pub(super) fn split(&self) -> Option<Vec<Channels>> {
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

    pub(super) fn concat(&self) -> Option<Channels> {
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
