//! One convolution of the network: its sizes, its padding and its PyTorch names.

use crate::{Stride2Padding, Variant};

/// Zero padding of a convolution, the same for rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Before the first row and column.
    pub begin: usize,
    /// After the last row and column.
    pub end: usize,
}

/// What a convolution of the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// The dense 3x3 convolution on the image.
    Stem,
    /// A 3x3 convolution of each channel on its own.
    Depthwise,
    /// A 1x1 convolution.
    Pointwise,
}

/// A convolution with the batch norm and activation that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvLayer {
    /// What it does.
    pub kind: LayerKind,
    /// Index of its block, the stem being block 0.
    pub block: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Stride of rows and columns.
    pub stride: usize,
}

impl ConvLayer {
    /// Kernel height and width.
    pub fn kernel(&self) -> usize {
        match self.kind {
            LayerKind::Stem | LayerKind::Depthwise => 3,
            LayerKind::Pointwise => 1,
        }
    }

    /// Number of groups, in PyTorch's and ONNX's sense.
    pub fn groups(&self) -> usize {
        match self.kind {
            LayerKind::Depthwise => self.in_channels,
            LayerKind::Stem | LayerKind::Pointwise => 1,
        }
    }

    /// Shape of the weight, `[out, in / groups, kernel, kernel]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [
            self.out_channels,
            self.in_channels / self.groups(),
            self.kernel(),
            self.kernel(),
        ]
    }

    /// Zero padding of this layer in a network of the given variant, for an input of height (or width) `size`.
    pub fn padding(&self, variant: &Variant, size: usize) -> Padding {
        let at_end = match variant.stride2_padding {
            Stride2Padding::Symmetric => false,
            Stride2Padding::End => true,
            Stride2Padding::Same => size.is_multiple_of(2),
        };
        match (self.kernel(), self.stride) {
            (1, _) => Padding { begin: 0, end: 0 },
            (_, 2) if at_end => Padding { begin: 0, end: 1 },
            _ => Padding { begin: 1, end: 1 },
        }
    }

    /// Height (or width) of the output for an input of height (or width) `size`.
    pub fn out_size(&self, size: usize, variant: &Variant) -> usize {
        let padding = self.padding(variant, size);
        (size + padding.begin + padding.end).saturating_sub(self.kernel()) / self.stride + 1
    }

    /// Name of the convolution, such as `model.3.0`; its weight is `{name}.weight`.
    pub fn conv_name(&self) -> String {
        format!("model.{}.{}", self.block, self.index())
    }

    /// Name of the batch norm, such as `model.3.1`; its tensors are `{name}.weight`, `{name}.bias`,
    /// `{name}.running_mean`, `{name}.running_var` and `{name}.num_batches_tracked`.
    pub fn norm_name(&self) -> String {
        format!("model.{}.{}", self.block, self.index() + 1)
    }

    fn index(&self) -> usize {
        match self.kind {
            LayerKind::Stem | LayerKind::Depthwise => 0,
            LayerKind::Pointwise => 3,
        }
    }
}
