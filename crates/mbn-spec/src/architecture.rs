//! The network as data: one table of blocks, from which every layer follows.

use std::fmt;

use crate::text::counted;
use crate::{Alpha, ConvLayer, LayerKind, Variant};

/// `(in, out, stride)` of the thirteen depthwise-separable blocks at alpha 1 (Howard et al. 2017, table 1).
pub const BLOCKS: [(usize, usize, usize); 13] = [
    (32, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 512, 1),
    (512, 1024, 2),
    (1024, 1024, 1),
];

/// Output channels of the stem at alpha 1.
pub const STEM_CHANNELS: usize = 32;

/// A MobileNetV1: width, number of classes, and the points in which definitions differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Width multiplier.
    pub alpha: Alpha,
    /// Number of classes.
    pub classes: usize,
    /// Activation, epsilon and padding.
    pub variant: Variant,
}

impl Architecture {
    /// The network in PyTorch's variant.
    pub fn new(alpha: Alpha, classes: usize) -> Self {
        Self {
            alpha,
            classes,
            variant: Variant::default(),
        }
    }

    /// All convolutions in running order: the stem, then depthwise and pointwise in turn.
    pub fn convs(&self) -> Vec<ConvLayer> {
        let width = |channels| self.alpha.scale(channels);
        let stem = ConvLayer {
            kind: LayerKind::Stem,
            block: 0,
            in_channels: 3,
            out_channels: width(STEM_CHANNELS),
            stride: 2,
        };
        let blocks = BLOCKS.iter().enumerate().flat_map(|(i, &(cin, cout, stride))| {
            let (cin, cout, block) = (width(cin), width(cout), i + 1);
            let layer = |kind, out_channels, stride| ConvLayer {
                kind,
                block,
                in_channels: cin,
                out_channels,
                stride,
            };
            [
                layer(LayerKind::Depthwise, cin, stride),
                layer(LayerKind::Pointwise, cout, 1),
            ]
        });
        std::iter::once(stem).chain(blocks).collect()
    }

    /// The number of classes, for messages: `1 class`, `10 classes`.
    pub fn class_count(&self) -> String {
        counted(self.classes, "class")
    }

    /// Channels that reach the classifier.
    pub fn features(&self) -> usize {
        self.alpha.scale(BLOCKS[BLOCKS.len() - 1].1)
    }
}

impl fmt::Display for Architecture {
    /// `MobileNetV1 alpha 0.25 with 10 classes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobileNetV1 alpha {} with {}", self.alpha, self.class_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stride2Padding;

    /// Sizes of the outputs of all convolutions.
    fn sizes(size: usize, stride2_padding: Stride2Padding) -> Vec<usize> {
        let variant = Variant {
            stride2_padding,
            ..Variant::default()
        };
        let convs = Architecture::new(Alpha::One, 10).convs();
        let sizes = convs.iter().scan(size, |size, layer| {
            *size = layer.out_size(*size, &variant);
            Some(*size)
        });
        sizes.collect()
    }

    #[test]
    fn stride_2_halves_even_sizes_in_every_padding() {
        for padding in [
            Stride2Padding::Symmetric,
            Stride2Padding::End,
            Stride2Padding::Same,
        ] {
            let sizes = sizes(224, padding);
            assert_eq!(sizes[0], 112);
            assert_eq!(sizes.last(), Some(&7));
        }
    }

    #[test]
    fn same_padding_rounds_odd_sizes_up() {
        for (padding, last) in [
            (Stride2Padding::Symmetric, 4),
            (Stride2Padding::End, 3),
            (Stride2Padding::Same, 4),
        ] {
            assert_eq!(sizes(100, padding).last(), Some(&last), "{padding:?}");
        }
    }
}
