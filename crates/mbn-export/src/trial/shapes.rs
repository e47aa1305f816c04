//! Sizes for inputs that leave them to the caller, the likeliest first.

use std::collections::HashMap;

use mbn_engine::ElementKind;
use mbn_onnx::foreign::{ChannelAxis, Layout, PictureInput};
use mbn_onnx::{Dim, Model};

use super::{Input, is_open};

/// Sides of pictures that networks take, the commonest first.
const SIDES: [usize; 10] = [224, 64, 32, 28, 96, 128, 192, 256, 299, 384];
/// The size that other inputs get first, such as the length of a sequence.
const OTHER: usize = 64;
/// Elements of an input beyond which other sizes are tried first: where the batch has the name of a side, it grows with it.
const LARGE: usize = 8 << 20;
/// The largest number of channels that is told from a side by its smallness.
const FEW: usize = 16;

/// What is chosen for the open sizes.
#[derive(Clone, Copy, Debug)]
struct Guess {
    side: usize,
    other: usize,
    channels: usize,
    layout: Layout,
}

/// The dimension of the channels in an input for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channels {
    /// It is no such input.
    None,
    At(usize),
    /// As the layout has it.
    Open,
}

/// The shapes to try, each with a shape for each of the inputs. There is one at least.
pub(super) fn candidates(
    inputs: &[Input],
    layout: Option<Layout>,
    channels: Option<usize>,
) -> Vec<Vec<Vec<usize>>> {
    let likely = Guess {
        side: SIDES[0],
        other: OTHER,
        channels: channels.unwrap_or(3),
        layout: layout.unwrap_or(Layout::ChannelsFirst),
    };
    let turned = Guess {
        layout: match likely.layout {
            Layout::ChannelsFirst => Layout::ChannelsLast,
            Layout::ChannelsLast => Layout::ChannelsFirst,
        },
        ..likely
    };
    let of_channels = |channels| Guess { channels, ..likely };
    let sides = SIDES.iter().skip(1).map(|&side| Guess {
        side,
        other: if side == OTHER { SIDES[0] } else { side },
        ..likely
    });
    let guesses = [likely, turned, of_channels(3), of_channels(1)].into_iter();
    let guesses = guesses.chain(sides);
    let mut shapes: Vec<Vec<Vec<usize>>> = Vec::new();
    for shape in guesses.map(|guess| guess.shapes(inputs)) {
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let is_large = |shape: &Vec<usize>| elements(shape).is_none_or(|n| n > LARGE);
    shapes.sort_by_key(|shapes| shapes.iter().any(is_large));
    shapes
}

/// The number of elements; `None` if it is too large to count.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim))
}

/// Channels that the first convolution takes, if its filters are a constant.
pub(super) fn first_channels(model: &Model) -> Option<usize> {
    let graph = model.proto().graph.as_ref()?;
    let conv = graph.node.iter().find(|node| node.op_type() == "Conv")?;
    let filters = graph
        .initializer
        .iter()
        .find(|tensor| Some(tensor.name()) == conv.input.get(1).map(String::as_str))?;
    let groups = conv
        .attribute
        .iter()
        .find(|attribute| attribute.name() == "group");
    let groups = groups.map_or(1, |attribute| attribute.i.unwrap_or(1));
    let channels = usize::try_from(filters.dims.get(1)?.checked_mul(groups)?).ok()?;
    Some(channels).filter(|channels| (1..=FEW).contains(channels))
}

impl Guess {
    fn shapes(&self, inputs: &[Input]) -> Vec<Vec<usize>> {
        let roles: Vec<Vec<usize>> = inputs.iter().map(|input| self.sizes(input)).collect();
        // A name stands for one size. The batch, which may be any, follows the others.
        let mut named: HashMap<&str, usize> = HashMap::new();
        for is_batch in [false, true] {
            for (input, sizes) in inputs.iter().zip(&roles) {
                let dims = input.dims.iter().zip(sizes).enumerate();
                for (i, (dim, size)) in dims {
                    if let (Dim::Symbol(name), true) = (dim, (i == 0) == is_batch) {
                        named.entry(name.as_str()).or_insert(*size);
                    }
                }
            }
        }
        let size = |(dim, size): (&Dim, &usize)| match dim {
            Dim::Fixed(size) => *size,
            Dim::Symbol(name) => named.get(name.as_str()).copied().unwrap_or(*size),
            Dim::Unknown => *size,
        };
        let inputs = inputs.iter().zip(&roles);
        inputs
            .map(|(input, sizes)| input.dims.iter().zip(sizes).map(size).collect())
            .collect()
    }

    /// The size of each dimension, if it is open.
    fn sizes(&self, input: &Input) -> Vec<usize> {
        let channels = match channels(input) {
            Channels::Open => Channels::At(match self.layout {
                Layout::ChannelsFirst => 1,
                Layout::ChannelsLast => 3,
            }),
            known => known,
        };
        let size = |i: usize| match (i, channels) {
            (0, _) => 1,
            (i, Channels::At(at)) if i == at => self.channels,
            (_, Channels::None) => self.other,
            _ => self.side,
        };
        (0..input.dims.len()).map(size).collect()
    }
}

/// Where an input has its channels.
fn channels(input: &Input) -> Channels {
    let takes_pictures = matches!(
        input.elements,
        Some(
            ElementKind::Float
                | ElementKind::Half
                | ElementKind::Brain
                | ElementKind::Double
                | ElementKind::Uint8
        )
    );
    let [_, a, b, c] = input.dims.as_slice() else {
        return Channels::None;
    };
    if !takes_pictures {
        return Channels::None;
    }
    let is_few = |dim: &Dim| matches!(dim, Dim::Fixed(size) if *size <= FEW);
    match (is_few(a), is_few(c)) {
        (true, false) if is_open(b) && is_open(c) => return Channels::At(1),
        (false, true) if is_open(a) && is_open(b) => return Channels::At(3),
        _ => {}
    }
    let sizes: Vec<_> = input
        .dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(_) | Dim::Unknown => None,
        })
        .collect();
    match PictureInput::of(&sizes).map(|picture| picture.channels) {
        Some(ChannelAxis::Of(Layout::ChannelsFirst)) => Channels::At(1),
        Some(ChannelAxis::Of(Layout::ChannelsLast)) => Channels::At(3),
        Some(ChannelAxis::Unknown) => Channels::Open,
        Some(ChannelAxis::Missing) | None => Channels::None,
    }
}
