//! Networks that share names with MobileNetV1's weight files and are others: each is refused by its name.

use mbn_spec::{Alpha, Architecture, LayerKind};

use crate::views::Views;

/// Another network than MobileNetV1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds {name}, another network than MobileNetV1: {difference}")]
pub struct Lookalike {
    /// What it is.
    pub name: &'static str,
    /// In what it differs.
    pub difference: &'static str,
}

/// How a network is recognised.
struct Entry {
    lookalike: Lookalike,
    is_it: fn(&Names) -> bool,
}

/// A file's tensors, to ask for by the ends of their names, since anything may stand before them.
struct Names<'a>(&'a Views<'a>);

impl Names<'_> {
    fn any_end(&self, end: &str) -> bool {
        self.0.keys().any(|name| name.ends_with(end))
    }

    fn any_has(&self, part: &str) -> bool {
        self.0.keys().any(|name| name.contains(part))
    }

    /// The first side of the tensor whose name ends so.
    fn outputs(&self, end: &str) -> Option<usize> {
        let (_, view) = self.0.iter().find(|(name, _)| name.ends_with(end))?;
        view.shape().first().copied()
    }
}

/// A tensor of timm's stem, which most of its networks have.
const TIMM_STEM: &str = "conv_stem.weight";
/// A tensor of the last block of timm's MobileNetV1.
const TIMM_LAST: &str = "blocks.4.1.conv_pw.weight";

/// Every network that is known. The first that fits counts.
static LOOKALIKES: [Entry; 17] = [
    Entry {
        lookalike: Lookalike {
            name: "a network of timm with inverted residuals (MobileNetV2 or V3, EfficientNet, MNASNet or FBNet)",
            difference: "its blocks end in a convolution `conv_pwl`",
        },
        is_it: |names| names.any_has(".conv_pwl."),
    },
    Entry {
        lookalike: Lookalike {
            name: "a network of timm with squeeze and excitation (such as LCNet)",
            difference: "its blocks have a part `se`",
        },
        is_it: |names| names.any_has(".se.") && names.any_end(TIMM_STEM),
    },
    Entry {
        lookalike: Lookalike {
            name: "timm's `mobilenetv1_100h`",
            difference: "it has one more convolution, `conv_head`, before the pooling",
        },
        is_it: |names| names.any_end("conv_head.weight") && names.any_end(TIMM_LAST),
    },
    Entry {
        lookalike: Lookalike {
            name: "a later network of timm (such as MobileNetV4)",
            difference: "it has a convolution `conv_head` before the classifier",
        },
        is_it: |names| names.any_end("conv_head.weight") && names.any_end(TIMM_STEM),
    },
    Entry {
        lookalike: Lookalike {
            name: "timm's `mobilenetv1_125`",
            difference: "its width is 1.25, and MobileNetV1's widths are 0.25, 0.5, 0.75 and 1.0",
        },
        is_it: |names| names.any_end(TIMM_LAST) && names.outputs(TIMM_STEM) == Some(40),
    },
    Entry {
        lookalike: Lookalike {
            name: "pytorchcv's `mobilenetb`",
            difference: "no batch norm and no activation follow its depthwise convolutions",
        },
        is_it: |names| {
            names.any_has(".dw_conv.") && names.any_has("init_block") && !names.any_has(".dw_conv.bn.")
        },
    },
    Entry {
        lookalike: Lookalike {
            name: "pytorchcv's FD-MobileNet (`fdmobilenet`)",
            difference: "it has 11 blocks, and MobileNetV1 has 13",
        },
        is_it: |names| names.any_end("stage4.unit6.dw_conv.conv.weight") && !names.any_has("stage5."),
    },
    Entry {
        lookalike: Lookalike {
            name: "another network of pytorchcv (such as MobileNetV2 or V3, or IGCV3)",
            difference: "its first block is no depthwise-separable convolution",
        },
        is_it: |names| {
            names.any_has("features.init_block.") && !names.any_has("features.stage1.unit1.dw_conv.")
        },
    },
    Entry {
        lookalike: Lookalike {
            name: "torchvision's MobileNetV2",
            difference: "its blocks are inverted residuals",
        },
        is_it: |names| names.any_end("features.1.conv.0.0.weight"),
    },
    Entry {
        lookalike: Lookalike {
            name: "torchvision's MobileNetV3",
            difference: "its blocks are inverted residuals",
        },
        is_it: |names| names.any_end("features.1.block.0.0.weight"),
    },
    Entry {
        lookalike: Lookalike {
            name: "transformers' MobileNetV2",
            difference: "its blocks are inverted residuals",
        },
        is_it: |names| names.any_has("mobilenet_v2."),
    },
    Entry {
        lookalike: Lookalike {
            name: "TF-slim's MobileNetV2 or V3",
            difference: "its blocks are inverted residuals",
        },
        is_it: |names| names.any_has("MobilenetV2/") || names.any_has("MobilenetV3/"),
    },
    Entry {
        lookalike: Lookalike {
            name: "Keras's MobileNetV2 or V3",
            difference: "its blocks are inverted residuals",
        },
        is_it: |names| names.any_has("expanded_conv"),
    },
    Entry {
        lookalike: Lookalike {
            name: "kuangliu's MobileNet for CIFAR",
            difference: "its first convolution has stride 1, for pictures of 32 x 32",
        },
        is_it: |names| names.any_end("layers.0.conv1.weight") && names.any_end("linear.weight"),
    },
    Entry {
        lookalike: Lookalike {
            name: "weiaicunzai's MobileNet for CIFAR",
            difference: "its first convolution has stride 1, and its pointwise convolutions have a bias",
        },
        is_it: |names| names.any_end("stem.0.conv.weight"),
    },
    Entry {
        lookalike: Lookalike {
            name: "the network of RetinaFace",
            difference: "its activation is LeakyReLU; only at width 1.0 are these the names of a MobileNetV1",
        },
        is_it: |names| {
            names.outputs("stage1.0.0.weight").is_some_and(|stem| stem != 32)
                && names.any_end("stage3.0.0.weight")
        },
    },
    Entry {
        lookalike: Lookalike {
            name: "a pruned network of AMC",
            difference: "its layers have uneven widths",
        },
        is_it: is_pruned,
    },
];

/// The network that the tensors belong to, if it is a known other one.
pub(crate) fn recognise(tensors: &Views) -> Option<Lookalike> {
    let names = Names(tensors);
    let entry = LOOKALIKES.iter().find(|entry| (entry.is_it)(&names));
    entry.map(|entry| entry.lookalike)
}

/// Whether AMC's layers have widths that belong to no width multiplier.
fn is_pruned(names: &Names) -> bool {
    let mut widths = vec![names.outputs("conv1.0.weight")];
    widths.extend((0..13).map(|block| names.outputs(&format!("features.{block}.3.weight"))));
    let Some(widths) = widths.into_iter().collect::<Option<Vec<_>>>() else {
        return false;
    };
    let fits = |alpha: Alpha| {
        let convs = Architecture::new(alpha, 1).convs();
        let kept = convs.iter().filter(|layer| layer.kind != LayerKind::Depthwise);
        kept.map(|layer| layer.out_channels).eq(widths.iter().copied())
    };
    !Alpha::ALL.into_iter().any(fits)
}

#[cfg(test)]
mod tests;
