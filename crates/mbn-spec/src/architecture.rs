//! The network as data: one table of blocks, from which layers, tensor names and shapes follow.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Alpha;

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

/// What follows every batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(0, x)`
    Relu,
    /// `min(max(0, x), 6)`
    Relu6,
}

impl Activation {
    /// The largest value that the activation returns.
    pub fn max(self) -> f32 {
        match self {
            Activation::Relu => f32::INFINITY,
            Activation::Relu6 => 6.0,
        }
    }
}

/// Where the 3x3 convolutions of stride 2 are padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stride2Padding {
    /// One row and column on each side, as PyTorch does.
    Symmetric,
    /// One row at the bottom and one column at the right only, as Keras does.
    End,
}

/// The points in which published MobileNetV1 definitions differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Activation after every batch norm.
    pub activation: Activation,
    /// Added to the variance before the square root.
    pub batch_norm_epsilon: f64,
    /// Padding of the stride-2 convolutions.
    pub stride2_padding: Stride2Padding,
}

impl Variant {
    /// PyTorch's: ReLU, epsilon 1e-5, symmetric padding.
    pub const PYTORCH: Self = Self {
        activation: Activation::Relu,
        batch_norm_epsilon: 1e-5,
        stride2_padding: Stride2Padding::Symmetric,
    };
}

impl Default for Variant {
    /// [`Variant::PYTORCH`].
    fn default() -> Self {
        Self::PYTORCH
    }
}

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

    /// Zero padding of this layer in a network of the given variant.
    pub fn padding(&self, variant: &Variant) -> Padding {
        match (self.kernel(), self.stride, variant.stride2_padding) {
            (1, ..) => Padding { begin: 0, end: 0 },
            (_, 2, Stride2Padding::End) => Padding { begin: 0, end: 1 },
            _ => Padding { begin: 1, end: 1 },
        }
    }

    /// Height (or width) of the output for an input of height (or width) `size`.
    pub fn out_size(&self, size: usize, variant: &Variant) -> usize {
        let padding = self.padding(variant);
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

    /// Name of the activation, such as `model.3.2`.
    pub fn activation_name(&self) -> String {
        format!("model.{}.{}", self.block, self.index() + 2)
    }

    fn index(&self) -> usize {
        match self.kind {
            LayerKind::Stem | LayerKind::Depthwise => 0,
            LayerKind::Pointwise => 3,
        }
    }
}

/// What a tensor of the state dict is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorKind {
    /// A convolution's or the classifier's weight: trained, decayed.
    Weight,
    /// Batch norm's scale or shift, or the classifier's bias: trained.
    Bias,
    /// Batch norm's running statistics: measured.
    Buffer,
    /// `num_batches_tracked`, an I64 scalar.
    Counter,
}

/// A tensor of a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormTensor {
    /// Gamma.
    Scale,
    /// Beta.
    Shift,
    /// Running mean.
    Mean,
    /// Running variance.
    Variance,
    /// Number of batches seen.
    Counter,
}

/// The place of a tensor in the network, whatever a file calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorRole {
    /// The weight of a convolution.
    Convolution(ConvLayer),
    /// A tensor of the batch norm that follows a convolution.
    Norm(ConvLayer, NormTensor),
    /// The classifier's weight.
    ClassifierWeight,
    /// The classifier's bias.
    ClassifierBias,
}

/// Name, shape and purpose of one tensor of the state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// PyTorch's name.
    pub name: String,
    /// Shape, outermost dimension first; empty for a scalar.
    pub shape: Vec<usize>,
    /// What it is for; `Counter` is I64, all others F32.
    pub kind: TensorKind,
    /// Its place in the network.
    pub role: TensorRole,
}

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

    /// All convolutions in the order in which they run: the stem, then depthwise and pointwise in turn.
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

    /// The number of classes for messages: `1 class`, `10 classes`.
    pub fn class_count(&self) -> String {
        match self.classes {
            1 => "1 class".to_owned(),
            n => format!("{n} classes"),
        }
    }

    /// Channels that reach the classifier.
    pub fn features(&self) -> usize {
        self.alpha.scale(BLOCKS[BLOCKS.len() - 1].1)
    }

    /// Every tensor of the state dict, in PyTorch's order.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        for layer in self.convs() {
            tensors.push(TensorSpec {
                name: format!("{}.weight", layer.conv_name()),
                shape: layer.weight_shape().to_vec(),
                kind: TensorKind::Weight,
                role: TensorRole::Convolution(layer.clone()),
            });
            for (suffix, kind, tensor) in NORM_TENSORS {
                tensors.push(TensorSpec {
                    name: format!("{}.{suffix}", layer.norm_name()),
                    shape: match kind {
                        TensorKind::Counter => Vec::new(),
                        _ => vec![layer.out_channels],
                    },
                    kind,
                    role: TensorRole::Norm(layer.clone(), tensor),
                });
            }
        }
        tensors.push(TensorSpec {
            name: "fc.weight".into(),
            shape: vec![self.classes, self.features()],
            kind: TensorKind::Weight,
            role: TensorRole::ClassifierWeight,
        });
        tensors.push(TensorSpec {
            name: "fc.bias".into(),
            shape: vec![self.classes],
            kind: TensorKind::Bias,
            role: TensorRole::ClassifierBias,
        });
        tensors
    }
}

impl fmt::Display for Architecture {
    /// `MobileNetV1 alpha 0.25 with 10 classes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobileNetV1 alpha {} with {}", self.alpha, self.class_count())
    }
}

/// PyTorch's names of a batch norm's tensors, in its order.
const NORM_TENSORS: [(&str, TensorKind, NormTensor); 5] = [
    ("weight", TensorKind::Bias, NormTensor::Scale),
    ("bias", TensorKind::Bias, NormTensor::Shift),
    ("running_mean", TensorKind::Buffer, NormTensor::Mean),
    ("running_var", TensorKind::Buffer, NormTensor::Variance),
    ("num_batches_tracked", TensorKind::Counter, NormTensor::Counter),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_pytorch() {
        let tensors = Architecture::new(Alpha::Quarter, 10).tensors();
        assert_eq!(tensors.len(), 27 * 6 + 2);
        assert_eq!(tensors[0].name, "model.0.0.weight");
        assert_eq!(tensors[0].shape, [8, 3, 3, 3]);
        assert_eq!(tensors[6].name, "model.1.0.weight");
        assert_eq!(tensors[6].shape, [8, 1, 3, 3]);
        assert_eq!(tensors[12].name, "model.1.3.weight");
        assert_eq!(tensors[12].shape, [16, 8, 1, 1]);
        assert_eq!(tensors[17].name, "model.1.4.num_batches_tracked");
        assert!(tensors[17].shape.is_empty());
    }

    #[test]
    fn stride_2_halves_even_sizes_in_both_paddings() {
        for stride2_padding in [Stride2Padding::Symmetric, Stride2Padding::End] {
            let variant = Variant {
                stride2_padding,
                ..Variant::default()
            };
            let sizes = Architecture {
                variant,
                ..Architecture::new(Alpha::One, 10)
            }
            .convs()
            .iter()
            .scan(224, |size, layer| {
                *size = layer.out_size(*size, &variant);
                Some(*size)
            })
            .collect::<Vec<_>>();
            assert_eq!(sizes[0], 112);
            assert_eq!(sizes.last(), Some(&7));
        }
    }
}
