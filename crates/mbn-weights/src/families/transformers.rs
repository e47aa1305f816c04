//! transformers: `MobileNetV1ForImageClassification`, and `MobileNetV1Model`, which has no classifier.

use mbn_spec::{
    Activation, Alpha, Centre, ConvLayer, LayerKind, Preprocess, Stride2Padding, TensorRole, TensorSpec,
    Variant,
};

use super::pytorch::renamed;
use super::{HALF, cropped};
use crate::beside::transformers as beside;
use crate::family::{Family, Stored};

/// TensorFlow's: ReLU6, epsilon 1e-3, "SAME".
pub(super) const VARIANT: Variant = Variant {
    activation: Activation::Relu6,
    batch_norm_epsilon: 1e-3,
    stride2_padding: Stride2Padding::Same,
};

pub(crate) static FAMILY: Family = Family {
    name: "transformers",
    variant: VARIANT,
    preprocess: Some(preprocess),
    beside: Some(beside::read),
    arguments: None,
    plain_name: str::to_owned,
    stored: |spec| stored(spec, "mobilenet_v1."),
};

/// The network without its classifier, whose tensors have no `mobilenet_v1.` before their names.
pub(crate) static BACKBONE: Family = Family {
    name: "transformers",
    variant: VARIANT,
    preprocess: Some(preprocess),
    beside: Some(beside::read),
    arguments: None,
    plain_name: str::to_owned,
    stored: |spec| match spec.role {
        TensorRole::ClassifierWeight | TensorRole::ClassifierBias => None,
        _ => stored(spec, ""),
    },
};

/// As Google's weights are published: 1.0 at 224 pixels, 0.75 at 192.
fn preprocess(alpha: Alpha) -> Preprocess {
    let (size, shorter) = match alpha {
        Alpha::ThreeQuarters => (192, 224),
        _ => (224, 256),
    };
    Preprocess {
        centre: Centre::Down,
        ..cropped(size, shorter, HALF)
    }
}

fn stored(spec: &TensorSpec, prefix: &str) -> Option<Stored> {
    let module = |layer: &ConvLayer| match layer.kind {
        LayerKind::Stem => format!("{prefix}conv_stem"),
        LayerKind::Depthwise => format!("{prefix}layer.{}", 2 * layer.block - 2),
        LayerKind::Pointwise => format!("{prefix}layer.{}", 2 * layer.block - 1),
    };
    renamed(
        spec,
        |layer| format!("{}.convolution", module(layer)),
        |layer| format!("{}.normalization", module(layer)),
        "classifier",
    )
}
