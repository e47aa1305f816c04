//! The input for pictures of a model of another tool, as its shape shows it.

use super::Layout;
use crate::{Dim, Model, TensorType};

/// The smallest side of a picture where no dimension is one of channels: smaller ones are rarely pictures.
const SMALLEST_WITHOUT_CHANNELS: usize = 8;

/// An input for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureInput {
    /// Its pictures have one channel, grey, instead of red, green and blue.
    pub is_grey: bool,
    /// Where the channels are.
    pub channels: ChannelAxis,
    /// Height and width, which are equal, if they are stated.
    pub size: Option<usize>,
}

/// The dimension of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelAxis {
    /// The second or the last of four.
    Of(Layout),
    /// One of these, which the shape does not show.
    Unknown,
    /// None: `[batch, height, width]`, grey.
    Missing,
}

impl PictureInput {
    /// What the dimensions of a tensor show, of which those that are not stated are `None`. No other tensor than one for square
    /// pictures has such dimensions, or it returns `None`.
    pub fn of(dims: &[Option<usize>]) -> Option<Self> {
        match *dims {
            [_, a, b, c] => Self::of_picture([a, b, c]),
            // Of three in the first place, nobody knows whether they are channels.
            [None | Some(1), Some(height), Some(width)]
                if height == width && height >= SMALLEST_WITHOUT_CHANNELS =>
            {
                Some(Self {
                    is_grey: true,
                    channels: ChannelAxis::Missing,
                    size: Some(height),
                })
            }
            _ => None,
        }
    }

    /// What a model's only input shows.
    pub fn of_model(model: &Model) -> Option<Self> {
        let input = model.graph()?.given_inputs().next()?;
        let shape = TensorType::stated(input).ok()?.shape;
        let dims = shape.iter().map(|dim| match dim {
            Dim::Fixed(length) => Some(*length).filter(|length| *length > 0),
            Dim::Symbol(_) | Dim::Unknown => None,
        });
        Self::of(&dims.collect::<Vec<_>>())
    }

    /// The same, with the layout that something else shows if the shape does not; without any, channels come first.
    #[must_use]
    pub fn laid_out(self, layout: Option<Layout>) -> Self {
        match self.channels {
            ChannelAxis::Unknown => Self {
                channels: ChannelAxis::Of(layout.unwrap_or(Layout::ChannelsFirst)),
                ..self
            },
            _ => self,
        }
    }

    fn of_picture(dims: [Option<usize>; 3]) -> Option<Self> {
        let (is_grey, channels) = shown(dims)?;
        let [a, b, c] = dims;
        let (height, width) = match channels {
            ChannelAxis::Of(Layout::ChannelsLast) => (a, b),
            _ => (b, c),
        };
        if height.zip(width).is_some_and(|(height, width)| height != width) {
            return None;
        }
        Some(Self {
            is_grey,
            channels,
            size: height.or(width),
        })
    }
}

/// Whether three dimensions are of a grey picture, and which of them has the channels; `None` if none can.
fn shown([a, _, c]: [Option<usize>; 3]) -> Option<(bool, ChannelAxis)> {
    const FIRST: ChannelAxis = ChannelAxis::Of(Layout::ChannelsFirst);
    const LAST: ChannelAxis = ChannelAxis::Of(Layout::ChannelsLast);
    let is = |channels| (a == Some(channels), c == Some(channels));
    match (is(3), is(1), (a, c)) {
        ((true, false), _, _) => Some((false, FIRST)),
        ((false, true), _, _) => Some((false, LAST)),
        ((true, true), _, _) => Some((false, ChannelAxis::Unknown)),
        (_, (true, false), _) => Some((true, FIRST)),
        (_, (false, true), _) => Some((true, LAST)),
        // One pixel of one channel.
        (_, (true, true), _) => None,
        // The channels are the dimension without a size.
        (_, _, (None, Some(_))) => Some((false, FIRST)),
        (_, _, (Some(_), None)) => Some((false, LAST)),
        (_, _, (None, None)) => Some((false, ChannelAxis::Unknown)),
        (_, _, (Some(_), Some(_))) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number stands for itself, -1 for what is not stated.
    fn found(dims: &[i64]) -> String {
        let dims: Vec<_> = dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
        let Some(PictureInput {
            is_grey,
            channels,
            size,
        }) = PictureInput::of(&dims)
        else {
            return "no picture".to_owned();
        };
        let colours = if is_grey { "grey" } else { "rgb" };
        let place = match channels {
            ChannelAxis::Of(Layout::ChannelsFirst) => "first",
            ChannelAxis::Of(Layout::ChannelsLast) => "last",
            ChannelAxis::Unknown => "unknown",
            ChannelAxis::Missing => "missing",
        };
        let size = size.map_or("any".to_owned(), |size| size.to_string());
        format!("{colours} {place} {size}")
    }

    #[test]
    fn dimensions_show_channels_and_size() {
        for (dims, expected) in [
            (&[-1, 3, 224, 224][..], "rgb first 224"),
            (&[1, 3, -1, -1], "rgb first any"),
            (&[4, 224, 224, 3], "rgb last 224"),
            (&[-1, -1, -1, 3], "rgb last any"),
            (&[-1, -1, 224, 224], "rgb first 224"),
            (&[-1, 224, 224, -1], "rgb last 224"),
            (&[-1, -1, -1, -1], "rgb unknown any"),
            (&[-1, 3, 3, 3], "rgb unknown 3"),
            (&[1, 1, 28, 28], "grey first 28"),
            (&[-1, 1, -1, -1], "grey first any"),
            (&[-1, 28, 28, 1], "grey last 28"),
            (&[-1, -1, -1, 1], "grey last any"),
            (&[-1, 28, 28], "grey missing 28"),
            (&[1, 64, 64], "grey missing 64"),
            (&[3, 224, 224], "no picture"),
            (&[-1, 7, 7], "no picture"),
            (&[-1, 28, 30], "no picture"),
            (&[-1, -1, -1], "no picture"),
            (&[-1, 1, 1, 1], "no picture"),
            (&[-1, 1, 28, 30], "no picture"),
            (&[-1, 3, 224, 192], "no picture"),
            (&[-1, 4, 64, 64], "no picture"),
            (&[-1, 784], "no picture"),
        ] {
            assert_eq!(found(dims), expected, "{dims:?}");
        }
    }
}
