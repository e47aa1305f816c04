//! Which channels a model of another tool takes, by its first nodes and by ONNX's metadata about pictures.

use anyhow::{Result, anyhow};
use mbn_cli::Hint;
use mbn_onnx::foreign::image::{Entry, Unusual};
use mbn_onnx::foreign::{ChannelRange, Unread};
use mbn_spec::{Preprocess, Preset};

use crate::model::Foreign;
use crate::options::ChannelOrder;

/// The options that bring channels to 16 to 235 of 255.
const NARROW: &str = "--mean=-0.0730594 --std 0.00456621";

/// The range of the channels that a model takes, as far as it shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) range: ChannelRange,
    pub(super) by: By,
}

/// What shows the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The first nodes normalise it.
    Nodes,
    /// The value of this key of the metadata says it.
    Metadata(&'static str),
}

/// What says how pictures are normalised, before what the model shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing says all of it.
    Nothing,
    /// Mean and standard deviation are said.
    Statistics,
    /// The user names a preset.
    Preset,
}

impl Shown {
    /// What the model shows, which nothing needs to show if the user names a preset.
    pub(super) fn of(foreign: &Foreign, said: Said) -> Option<Self> {
        let by_nodes = foreign.normalisation.map(|found| Self {
            range: found.range,
            by: By::Nodes,
        });
        let by_metadata = foreign.image.range.as_ref().map(|(range, entry)| Self {
            range: *range,
            by: By::Metadata(entry.key()),
        });
        by_nodes.or(by_metadata).filter(|_| said != Said::Preset)
    }
}

/// Refuses a model, which messages call `name`, that asks for pictures that cannot be made, and warns of what it says in vain.
///
/// # Errors
/// It does, and the user does not say how to make pictures for it.
pub(super) fn require(foreign: &Foreign, name: &str, said: Said) -> Result<()> {
    for unusual in &foreign.image.unusual {
        require_usual(unusual, name, said, foreign.is_grey)?;
    }
    let Some(nodes) = foreign.normalisation else {
        if let (Some(unread), Said::Nothing, None) = (&foreign.unread, said, &foreign.image.range) {
            warn_of(unread, name);
        }
        return Ok(());
    };
    if let (Some((stated, entry)), Said::Nothing) = (&foreign.image.range, said)
        && nodes.range != *stated
    {
        let range = described(nodes.range);
        log::warn!("the metadata {entry} of {name} is left aside: its first nodes take channels {range}");
    }
    Ok(())
}

/// Says that what a model takes is not known.
fn warn_of(unread: &Unread, name: &str) {
    const ADVICE: &str = "hint: `--mean` and `--std`, or `--preprocess`, say what it takes";
    match unread {
        Unread::Operator { operator, output } => log::warn!(
            "{name} computes with its pictures before its first layer, up to `{output}` ({operator}), which is not followed: whether \
             that normalises them is not known\n{ADVICE}"
        ),
        Unread::Calibration { least, most } => log::warn!(
            "{name} was quantised with channels from {least:.4} to {most:.4}, which ImageNet's normalisation does not give\n{ADVICE}"
        ),
    }
}

/// Refuses what no option does, unless the user says how pictures are made.
fn require_usual(unusual: &Unusual, name: &str, said: Said, is_grey: bool) -> Result<()> {
    let refused = |entry: &Entry, problem: &str, advice: String| {
        Err(anyhow!(
            "{name} takes pictures that cannot be made: its metadata {entry}, {problem}"
        ))
        .hint(|| advice)
    };
    let preset = "`--preprocess PRESET` takes the place of what the metadata says".to_owned();
    match (unusual, said) {
        // The channels are turned for it.
        (Unusual::BlueFirst(_), _) => Ok(()),
        (Unusual::Gray(_), _) if is_grey => Ok(()),
        (_, Said::Preset) | (Unusual::Narrow(_), Said::Statistics) => Ok(()),
        (Unusual::Gray(entry), _) => refused(entry, "one channel, but its input has three", preset),
        (Unusual::Linear(entry), _) => {
            refused(entry, "channels in proportion to light, expected `SRGB`", preset)
        }
        (Unusual::Narrow(entry), Said::Nothing) => refused(
            entry,
            "expected `NominalRange_0_255`, `Normalized_0_1` or `Normalized_1_1`",
            format!("`{NARROW}` brings channels to 16 to 235; {preset}"),
        ),
    }
}

/// Whether a model, which messages call `name`, takes blue first: as the user says, else as a file beside it says in `by_file`, else as
/// its metadata says, else as its first nodes show. Logs what says it, and that the metadata and the nodes differ.
pub(super) fn is_blue_first(
    foreign: &Foreign,
    name: &str,
    given: Option<ChannelOrder>,
    by_file: Option<String>,
) -> bool {
    if let Some(order) = given {
        return order == ChannelOrder::Bgr;
    }
    let by_metadata = foreign.image.unusual.iter().find_map(|unusual| match unusual {
        Unusual::BlueFirst(entry) => Some(format!("its metadata {entry}")),
        _ => None,
    });
    let by_nodes = foreign.normalisation.is_some_and(|found| found.is_blue_first);
    const NODES: &str = "its first nodes subtract ImageNet's mean in the order blue, green, red";
    let why = match (by_file.or(by_metadata), &foreign.image.red_first) {
        (Some(why), _) => Some(why),
        (None, Some(entry)) => {
            if by_nodes {
                log::warn!(
                    "{name} is given red first, since its metadata {entry}, but {NODES}\n\
                     hint: `--channels bgr` gives it blue first"
                );
            }
            None
        }
        (None, None) => by_nodes.then(|| NODES.to_owned()),
    };
    if let Some(why) = &why {
        log::info!("{name} takes blue first, which it is given: {why}; `--channels rgb` gives it red first");
    }
    why.is_some()
}

/// A range, for a message.
pub(super) fn described(range: ChannelRange) -> &'static str {
    match range {
        ChannelRange::Bytes => "from 0 to 255",
        ChannelRange::Unit => "from 0 to 1",
        ChannelRange::Symmetric => "from -1 to 1",
    }
}

/// Of a mean and a standard deviation that are written with few digits.
const ROUNDING: f32 = 0.01;

/// The preset with the mean and the standard deviation that give channels of a range.
pub(super) fn preset_of(range: ChannelRange) -> Preset {
    match range {
        ChannelRange::Bytes => Preset::Bytes,
        ChannelRange::Unit => Preset::Unit,
        ChannelRange::Symmetric => Preset::Half,
    }
}

/// What [`preset_of`] gives.
pub(super) fn statistics_of(range: ChannelRange) -> Preprocess {
    preset_of(range).preprocess()
}

/// Whether a mean and a standard deviation, if any are said, give channels of another range.
pub(super) fn contradicts(range: ChannelRange, (mean, std): (Option<[f32; 3]>, Option<[f32; 3]>)) -> bool {
    let own = statistics_of(range);
    let differ = |said: Option<[f32; 3]>, own: [f32; 3], unit: f32| {
        said.is_some_and(|said| (0..3).any(|c| (said[c] - own[c]).abs() > ROUNDING * unit))
    };
    // Means are compared by the scale of the channels.
    differ(mean, own.mean, own.std[0]) || differ(std, own.std, own.std[0])
}
