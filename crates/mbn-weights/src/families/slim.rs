//! TF-slim: the checkpoints of TensorFlow's `mobilenet_v1.py`, converted tensor by tensor.

use mbn_spec::{ConvLayer, LayerKind, TensorSpec};

use super::tensorflow::{self, Names};
use super::{half_and_cropped, transformers};
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "TF-slim",
    variant: transformers::VARIANT,
    preprocess: Some(half_and_cropped),
    beside: None,
    arguments: None,
    plain_name: |name| name.strip_suffix(":0").unwrap_or(name).to_owned(),
    stored,
};

fn stored(spec: &TensorSpec) -> Option<Stored> {
    const NAMES: Names = Names {
        kernel: |layer| match layer.kind {
            LayerKind::Depthwise => format!("{}/depthwise_weights", scope(layer)),
            LayerKind::Stem | LayerKind::Pointwise => format!("{}/weights", scope(layer)),
        },
        norm: |layer| format!("{}/BatchNorm", scope(layer)),
        classifier_weight: "MobilenetV1/Logits/Conv2d_1c_1x1/weights",
        classifier_bias: "MobilenetV1/Logits/Conv2d_1c_1x1/biases",
    };
    tensorflow::stored(spec, &NAMES)
}

fn scope(layer: &ConvLayer) -> String {
    let block = layer.block;
    match layer.kind {
        LayerKind::Stem => "MobilenetV1/Conv2d_0".to_owned(),
        LayerKind::Depthwise => format!("MobilenetV1/Conv2d_{block}_depthwise"),
        LayerKind::Pointwise => format!("MobilenetV1/Conv2d_{block}_pointwise"),
    }
}
