//! The normalisation that a model does itself, as its first nodes show it: which channels it wants to be given.

mod channels;
mod steps;
mod walk;

use channels::{Channels, Done};
use steps::Layers;
use walk::Walk;

use super::constants::Constants;
use super::inlined::Inlined;
use super::{Layout, PictureInput};
use crate::proto::ValueInfoProto;
use crate::{Dim, Model, TensorType};

/// How far a mean may be from 0 by rounding, as a fraction of the range.
const ROUNDING: f64 = 1e-3;
/// Mean of ImageNet's red, green and blue, on channels scaled to `[0, 1]`.
const IMAGENET: [f64; 3] = [0.485, 0.456, 0.406];
/// How far what others take for that mean is from it: 123.68, 116.779 and 103.939 or 123, 117 and 104, and CLIP's.
const OF_IMAGENET: f64 = 0.006;

/// The range of channels that a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelRange {
    /// 0 to 255
    Bytes,
    /// 0 to 1
    Unit,
    /// -1 to 1
    Symmetric,
}

/// What a model's first nodes normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalisation {
    /// The range of the channels that they take.
    pub range: ChannelRange,
    /// The mean that they subtract is ImageNet's with blue first, so they take blue first.
    pub is_blue_first: bool,
}

/// What a model does to a picture's channels without showing which it takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Unread {
    /// An operator that is no layer computes with them in a way that is not followed.
    Operator {
        /// The operator, such as `Pow`.
        operator: String,
        /// The value that it makes.
        output: String,
    },
    /// They become integers that were calibrated for channels which neither a range nor ImageNet's normalisation gives.
    Calibration {
        /// The least that the integers stand for.
        least: f64,
        /// The most.
        most: f64,
    },
}

impl Normalisation {
    /// What the first nodes after a model's only input normalise. Constants of a model that was [loaded](Model::load) may lie in files
    /// beside it.
    ///
    /// # Errors
    /// They normalise nothing, or in no way that is known: then with what shows that they may.
    pub fn of_model(model: &Model) -> Result<Self, Option<Unread>> {
        let graph = model.graph().ok_or(None)?;
        let input = graph.given_inputs().next().ok_or(None)?;
        let is_grey = PictureInput::of_model(model).is_some_and(|input| input.is_grey);
        let count = if is_grey { 1 } else { 3 };
        let start = Channels::of_input(count, axis(input, count, Layout::of_model(model)));
        let nodes = Inlined::of(model);
        let constants = Constants::of(nodes.nodes(), &graph.initializer, model.file());
        let walk = |layers| Walk::new(graph, &nodes, &constants, (input.name(), start.clone()), layers);
        // What looks like a layer of the network counts if it is surely none; else the nodes before it do.
        let found = Self::shown_by(&walk(Layers::Followed), is_grey);
        found.map_or_else(|| Self::before_layers(&walk(Layers::Left), is_grey), Ok)
    }

    fn before_layers(walk: &Walk<'_>, is_grey: bool) -> Result<Self, Option<Unread>> {
        Self::shown_by(walk, is_grey).ok_or_else(|| {
            let operator = walk.unread.map(|node| Unread::Operator {
                operator: node.op_type().to_owned(),
                output: node.output.first().cloned().unwrap_or_default(),
            });
            let calibration = || {
                walk.end()?
                    .unfit
                    .map(|[least, most]| Unread::Calibration { least, most })
            };
            operator.or_else(calibration)
        })
    }

    fn shown_by(walk: &Walk<'_>, is_grey: bool) -> Option<Self> {
        let end = walk.end()?;
        let done = end.done()?;
        let is_symmetric = walk.states().filter_map(Channels::done).any(is_from_symmetric);
        let range = match range_of(&done) {
            _ if is_symmetric => ChannelRange::Symmetric,
            Some(range) if end.has_layer && !is_surely_set(&done, range, is_grey) => return None,
            Some(range) => range,
            None => end.cut_to?,
        };
        Some(Self {
            range,
            is_blue_first: is_blue_first(&done, range),
        })
    }
}

/// The dimension of an input that has the channels, of which there are `count`.
fn axis(input: &ValueInfoProto, count: usize, layout: Option<Layout>) -> Option<usize> {
    let shape = TensorType::stated(input).ok().map(|ty| ty.shape);
    let stated = shape.and_then(|shape| match shape.as_slice() {
        [_, Dim::Fixed(channels), ..] if *channels == count => Some(1),
        [_, _, _, Dim::Fixed(channels)] if *channels == count => Some(3),
        _ => None,
    });
    stated.or(layout.map(|layout| match layout {
        Layout::ChannelsFirst => 1,
        Layout::ChannelsLast => 3,
    }))
}

/// Whether it brings -1 to 1 to the range of pictures, which no other range asks for.
fn is_from_symmetric(done: Done) -> bool {
    let is = |value: f64, wanted: f64| (value / wanted - 1.0).abs() < ROUNDING;
    [0.5, 127.5].iter().any(|half| {
        let values = done.scale.iter().chain(&done.offset);
        values.into_iter().all(|value| is(*value, *half))
    })
}

fn range_of(done: &Done) -> Option<ChannelRange> {
    let [first, second, third] = [0, 1, 2].map(|c| range(done.scale[c], done.offset[c]));
    (first == second && second == third).then_some(first).flatten()
}

/// The range of a channel of which `scale * x + offset` is taken.
fn range(scale: f64, offset: f64) -> Option<ChannelRange> {
    if !scale.is_finite() || !offset.is_finite() || scale == 0.0 {
        return None;
    }
    if scale < 0.0 {
        // It takes the negative of a picture: `largest - x` is from 0 to `largest` as `x` is.
        let is_of = |largest: f64, wanted| {
            let (scale, offset) = (-scale, scale * largest + offset);
            let is_unchanged = (scale - 1.0).abs() < ROUNDING && offset.abs() < ROUNDING * largest;
            is_unchanged || range(scale, offset) == Some(wanted)
        };
        return match (is_of(255.0, ChannelRange::Bytes), is_of(1.0, ChannelRange::Unit)) {
            (true, false) => Some(ChannelRange::Bytes),
            (false, true) => Some(ChannelRange::Unit),
            _ => None,
        };
    }
    let (mean, std) = (-offset / scale, 1.0 / scale);
    let is_zero = |mean: f64| mean.abs() < ROUNDING;
    // A mean of pictures, or the middle of the range.
    let is_middle = |mean: f64| (0.05..=0.95).contains(&mean);
    // From the standard deviation of pictures to that of channels that are only shifted or brought to [0, 1].
    let is_spread = |std: f64| (0.08..=1.05).contains(&std);
    let (mean_of_bytes, std_of_bytes) = (mean / 255.0, std / 255.0);
    let is_shifted = (std - 1.0).abs() < ROUNDING;
    if is_middle(mean_of_bytes) && (is_spread(std_of_bytes) || is_shifted) {
        return Some(ChannelRange::Bytes);
    }
    if is_zero(mean_of_bytes) && (0.49..=1.05).contains(&std_of_bytes) {
        return Some(ChannelRange::Bytes);
    }
    // Brought to bytes: the network normalises those.
    let is_widened = (255.0 * std - 1.0).abs() < 0.01;
    let is_unit = is_middle(mean) && is_spread(std) || is_widened && (is_zero(mean) || is_middle(mean));
    is_unit.then_some(ChannelRange::Unit)
}

/// Whether what a layer does was set by hand: training leaves no three equal factors, and data that are normalised before do not
/// have the mean and the spread of pictures. Of one factor for grey, only the latter tells.
fn is_surely_set(done: &Done, range: ChannelRange, is_grey: bool) -> bool {
    let are_equal = |[first, second, third]: [f64; 3]| {
        let is_near = |value: f64| (value - first).abs() <= ROUNDING * first.abs();
        is_near(second) && is_near(third)
    };
    if !is_grey && are_equal(done.scale) && are_equal(done.offset) {
        return true;
    }
    (0..3).all(|c| {
        let (mean, std) = (in_unit(done.mean(c), range), 1.0 / done.scale[c]);
        let is_of_pictures = (0.2..=0.8).contains(&mean);
        // No data that are normalised before have the mean of bytes.
        is_of_pictures && (range == ChannelRange::Bytes || (0.1..=0.5).contains(&std))
    })
}

/// Whether the mean is ImageNet's, with blue where red stands in the input.
fn is_blue_first(done: &Done, range: ChannelRange) -> bool {
    let is = |order: [usize; 3]| {
        let mut pairs = (0..3).zip(order);
        pairs.all(|(c, of)| (in_unit(done.mean(c), range) - IMAGENET[of]).abs() < OF_IMAGENET)
    };
    is([2, 1, 0])
}

/// A value of a channel, scaled to `[0, 1]`.
fn in_unit(value: f64, range: ChannelRange) -> f64 {
    match range {
        ChannelRange::Bytes => value / 255.0,
        ChannelRange::Unit => value,
        ChannelRange::Symmetric => (value + 1.0) / 2.0,
    }
}

#[cfg(test)]
mod tests;
