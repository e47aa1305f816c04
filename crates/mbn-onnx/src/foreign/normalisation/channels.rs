//! What has been done to the channels of a picture on the way to a value.

use super::ChannelRange;

/// How far bounds of a range may be from it by rounding, as a fraction of it.
const ROUNDING: f64 = 1e-3;
/// The least and the most of each range.
const RANGES: [(ChannelRange, [f64; 2]); 3] = [
    (ChannelRange::Bytes, [0.0, 255.0]),
    (ChannelRange::Unit, [0.0, 1.0]),
    (ChannelRange::Symmetric, [-1.0, 1.0]),
];
/// Bounds of the least and of the most of channels with which integers were calibrated. Few pictures lack both black and white;
/// integers of both signs have a step less above 0.
const CALIBRATED: [(ChannelRange, [f64; 2], [f64; 2]); 3] = [
    (ChannelRange::Bytes, [-1.0, 16.0], [192.0, 257.0]),
    (ChannelRange::Unit, [-1e-6, 1e-6], [0.95, 1.01]),
    (ChannelRange::Symmetric, [-1.01, -0.99], [0.98, 1.01]),
];
/// The same of channels that are normalised with a mean and a standard deviation of pictures: those of ImageNet reach from -2.12 to
/// 2.64, and pictures of little contrast less far.
const NORMALISED: [[f64; 2]; 2] = [[-3.2, -0.3], [0.3, 3.2]];

/// A channel of a value: `scale * x + offset` of one of the input's.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Channel {
    /// Which of the input's.
    from: usize,
    scale: f64,
    offset: f64,
}

/// The dimension of a value that has the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing shows it.
    Unknown,
    /// That of four.
    Axis(usize),
    /// None: it is one channel without a dimension for channels.
    Dropped,
}

/// The channels of a value that was made of the input's, each by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Channels {
    channels: Vec<Channel>,
    /// Channels of the input: three, or one that is grey.
    of_input: usize,
    pub(super) place: Place,
    /// An operator that may be a layer of the network has been passed.
    pub(super) has_layer: bool,
    /// The range of the input's channels to which they were cut, or with which their integers were calibrated.
    pub(super) cut_to: Option<ChannelRange>,
    /// What the integers were calibrated with, if neither a range nor a normalisation of pictures gives it.
    pub(super) unfit: Option<[f64; 2]>,
    /// It has integers that stand for the channels.
    pub(super) are_integers: bool,
}

/// What is done to the three channels of the input, in their order: `scale * x + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Done {
    pub(super) scale: [f64; 3],
    pub(super) offset: [f64; 3],
}

impl Done {
    /// The value of a channel of the input that becomes 0.
    pub(super) fn mean(&self, c: usize) -> f64 {
        -self.offset[c] / self.scale[c]
    }
}

impl Channels {
    /// The input itself, of one channel or of three.
    pub(super) fn of_input(count: usize, axis: Option<usize>) -> Self {
        let channel = |from| Channel {
            from,
            scale: 1.0,
            offset: 0.0,
        };
        Self {
            channels: (0..count).map(channel).collect(),
            of_input: count,
            place: axis.map_or(Place::Unknown, Place::Axis),
            has_layer: false,
            cut_to: None,
            unfit: None,
            are_integers: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    /// `scale * value + offset` of each channel; `None` unless there is one of each for all or for every channel.
    pub(super) fn affine(&self, scale: &[f64], offset: &[f64]) -> Option<Self> {
        let each = |values: &[f64]| match *values {
            [one] => Some(vec![one; self.len()]),
            _ => (values.len() == self.len()).then(|| values.to_vec()),
        };
        let factors = each(scale)?.into_iter().zip(each(offset)?);
        let channels = self.channels.iter().zip(factors);
        Some(Self {
            channels: channels
                .map(|(channel, (scale, offset))| Channel {
                    scale: channel.scale * scale,
                    offset: channel.offset * scale + offset,
                    ..*channel
                })
                .collect(),
            ..self.clone()
        })
    }

    /// The channels of these indexes, in their order.
    pub(super) fn select(&self, indexes: impl IntoIterator<Item = usize>) -> Option<Self> {
        let channels: Option<Vec<_>> = indexes
            .into_iter()
            .map(|index| self.channels.get(index).copied())
            .collect();
        let channels = channels.filter(|channels| (1..=3).contains(&channels.len()))?;
        Some(Self {
            channels,
            ..self.clone()
        })
    }

    /// Cut to these bounds, if they are those of a picture's channels as the input has them. Those of an activation, such as 0
    /// and 6, are not. One bound alone shows a range if no other has it.
    pub(super) fn clipped(&self, least: Option<f64>, most: Option<f64>) -> Option<Self> {
        let has = |bound: Option<f64>, of_range: f64| {
            let near = |value: f64| (value - of_range).abs() <= ROUNDING * of_range.abs().max(1.0);
            bound.is_none_or(|bound| {
                self.as_given(&[bound])
                    .is_some_and(|given| given.into_iter().all(near))
            })
        };
        if least.is_none() && most.is_none() {
            return Some(self.clone());
        }
        let mut fitting = RANGES
            .into_iter()
            .filter(|(_, [low, high])| has(least, *low) && has(most, *high));
        let (range, _) = fitting.next()?;
        let is_only = fitting.next().is_none() && most.is_some();
        Some(Self {
            cut_to: is_only.then_some(range).or(self.cut_to),
            ..self.clone()
        })
    }

    /// Known to be between these bounds, which shows a range if they are its own. Other data than bytes do not reach so far; of
    /// the others, the least and the most have to be those of the range.
    pub(super) fn calibrated(&self, least: f64, most: f64) -> Option<Self> {
        let [low, high] = [least, most].map(|bound| self.as_given(&[bound]));
        let (low, high) = (low?, high?);
        let are =
            |given: &[f64], [low, high]: [f64; 2]| given.iter().all(|value| (low..=high).contains(value));
        let mut ranges = CALIBRATED.into_iter();
        let range = ranges.find(|(_, of_least, of_most)| are(&low, *of_least) && are(&high, *of_most));
        let [of_least, of_most] = NORMALISED;
        let is_known = range.is_some() || are(&low, of_least) && are(&high, of_most);
        Some(Self {
            cut_to: self.cut_to.or(range.map(|(range, ..)| range)),
            unfit: self.unfit.or((!is_known).then_some([least, most])),
            ..self.clone()
        })
    }

    /// The channels of the input for which these are the values of the channels here, one for all or one of each.
    pub(super) fn as_given(&self, values: &[f64]) -> Option<Vec<f64>> {
        let given = |(channel, value): (&Channel, f64)| (value - channel.offset) / channel.scale;
        let channels = self.channels.iter();
        let given: Vec<_> = match *values {
            [one] => channels.map(|channel| given((channel, one))).collect(),
            _ if values.len() == self.len() => channels.zip(values.iter().copied()).map(given).collect(),
            _ => return None,
        };
        given.iter().all(|value| value.is_finite()).then_some(given)
    }

    /// The same channels as the input has them.
    pub(super) fn untouched(&self) -> Self {
        let as_given = |channel: &Channel| Channel {
            scale: 1.0,
            offset: 0.0,
            ..*channel
        };
        Self {
            channels: self.channels.iter().map(as_given).collect(),
            ..self.clone()
        }
    }

    /// The same in another place.
    pub(super) fn at(&self, place: Place) -> Self {
        Self {
            place,
            ..self.clone()
        }
    }

    /// The same, held as integers that stand for it or as itself.
    pub(super) fn held_as_integers(&self, are_integers: bool) -> Self {
        Self {
            are_integers,
            ..self.clone()
        }
    }

    /// What an operator that may be a layer takes, which has the channels first.
    pub(super) fn behind_layer(&self) -> Option<Self> {
        [Place::Axis(1), Place::Unknown]
            .contains(&self.place)
            .then(|| Self {
                has_layer: true,
                ..self.at(Place::Axis(1))
            })
    }

    /// The channels of several values behind each other.
    pub(super) fn joined(parts: &[&Self]) -> Option<Self> {
        let (first, rest) = parts.split_first()?;
        let fits = |part: &&Self| (part.place, part.are_integers) == (first.place, first.are_integers);
        if !rest.iter().all(fits) {
            return None;
        }
        let channels: Vec<_> = parts.iter().flat_map(|part| &part.channels).copied().collect();
        (channels.len() <= 3).then(|| Self {
            channels,
            of_input: first.of_input,
            place: first.place,
            has_layer: parts.iter().any(|part| part.has_layer),
            cut_to: first.cut_to,
            unfit: first.unfit,
            are_integers: first.are_integers,
        })
    }

    /// What is done to the channels of the input, if the value has each of them. One channel stands for three alike.
    pub(super) fn done(&self) -> Option<Done> {
        let of = |channel: usize| {
            let from = channel.min(self.of_input.saturating_sub(1));
            self.channels.iter().find(|channel| channel.from == from)
        };
        let [red, green, blue] = [of(0)?, of(1)?, of(2)?];
        Some(Done {
            scale: [red.scale, green.scale, blue.scale],
            offset: [red.offset, green.offset, blue.offset],
        })
    }
}
