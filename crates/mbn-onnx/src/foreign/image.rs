//! What ONNX's own metadata says about the pictures that a model takes, as Windows ML and Custom Vision write it.

use std::fmt;

use super::ChannelRange;
use crate::Model;

/// The order of a picture's channels.
const FORMAT: &str = "Image.BitmapPixelFormat";
/// Whether the channels are those of sRGB or in proportion to light.
const GAMMA: &str = "Image.ColorSpaceGamma";
/// The range of the channels.
const RANGE: &str = "Image.NominalPixelRange";

/// A pair of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: &'static str,
    value: String,
}

impl Entry {
    /// Its key.
    pub fn key(&self) -> &'static str {
        self.key
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is `{}`", self.key, self.value)
    }
}

/// What a value says that is none of red, green and blue of sRGB in a range that begins or ends where channels do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusual {
    /// Blue, green, red.
    BlueFirst(Entry),
    /// One channel.
    Gray(Entry),
    /// Channels in proportion to light.
    Linear(Entry),
    /// Channels from 16 to 235, as in films.
    Narrow(Entry),
}

impl Unusual {
    /// The pair of the metadata that says it.
    pub fn entry(&self) -> &Entry {
        match self {
            Self::BlueFirst(entry) | Self::Gray(entry) | Self::Linear(entry) | Self::Narrow(entry) => entry,
        }
    }
}

/// What the metadata says about the pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageMetadata {
    /// The range of the channels, and what says it.
    pub range: Option<(ChannelRange, Entry)>,
    /// What says that the channels are red, green and blue.
    pub red_first: Option<Entry>,
    /// What is not usual about them.
    pub unusual: Vec<Unusual>,
    /// Values that mean nothing.
    pub unknown: Vec<Entry>,
}

impl ImageMetadata {
    /// What the metadata of a model says.
    pub fn of_model(model: &Model) -> Self {
        Self::read(|key| model.property(key))
    }

    fn read<'m>(property: impl Fn(&str) -> Option<&'m str>) -> Self {
        let mut read = Self::default();
        for key in [FORMAT, GAMMA, RANGE] {
            let Some(value) = property(key) else {
                continue;
            };
            let entry = Entry {
                key,
                value: value.to_owned(),
            };
            // ONNX says that case makes no difference.
            match (key, value.trim().to_ascii_lowercase().as_str()) {
                (FORMAT, "rgb8") => read.red_first = Some(entry),
                (GAMMA, "srgb") => {}
                (FORMAT, "bgr8") => read.unusual.push(Unusual::BlueFirst(entry)),
                (FORMAT, "gray8") => read.unusual.push(Unusual::Gray(entry)),
                (GAMMA, "linear") => read.unusual.push(Unusual::Linear(entry)),
                (RANGE, "nominalrange_16_235") => read.unusual.push(Unusual::Narrow(entry)),
                (RANGE, "nominalrange_0_255") => read.range = Some((ChannelRange::Bytes, entry)),
                (RANGE, "normalized_0_1") => read.range = Some((ChannelRange::Unit, entry)),
                (RANGE, "normalized_1_1") => read.range = Some((ChannelRange::Symmetric, entry)),
                _ => read.unknown.push(entry),
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &'static str)]) -> ImageMetadata {
        ImageMetadata::read(|key| {
            let pair = pairs.iter().find(|(name, _)| *name == key);
            pair.map(|(_, value)| *value)
        })
    }

    #[test]
    fn ranges_are_read_in_any_case() {
        for (value, expected) in [
            ("NominalRange_0_255", ChannelRange::Bytes),
            ("normalized_0_1", ChannelRange::Unit),
            ("NORMALIZED_1_1", ChannelRange::Symmetric),
        ] {
            let found = read(&[(FORMAT, "RGB8"), (GAMMA, "sRGB"), (RANGE, value)]);
            let (range, entry) = found.range.unwrap();
            assert_eq!(range, expected);
            assert_eq!(
                entry.to_string(),
                format!("`Image.NominalPixelRange` is `{value}`")
            );
            assert!(found.unusual.is_empty() && found.unknown.is_empty());
        }
        assert_eq!(read(&[]), ImageMetadata::default());
    }

    #[test]
    fn what_is_not_usual_is_told() {
        let found = read(&[
            (FORMAT, "Bgr8"),
            (GAMMA, "Linear"),
            (RANGE, "NominalRange_16_235"),
        ]);
        assert_eq!((found.range, found.unknown), (None, vec![]));
        let shown: Vec<_> = found
            .unusual
            .iter()
            .map(|unusual| unusual.entry().to_string())
            .collect();
        assert_eq!(
            shown,
            [
                "`Image.BitmapPixelFormat` is `Bgr8`",
                "`Image.ColorSpaceGamma` is `Linear`",
                "`Image.NominalPixelRange` is `NominalRange_16_235`"
            ]
        );
        let found = read(&[(FORMAT, "gray8"), (RANGE, "0..1")]);
        assert!(matches!(found.unusual.as_slice(), [Unusual::Gray(_)]));
        assert_eq!(found.unknown.len(), 1);
    }
}
