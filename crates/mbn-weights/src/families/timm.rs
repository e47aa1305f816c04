//! timm: `mobilenetv1_100`.

use mbn_spec::{Activation, Alpha, ConvLayer, Interpolation, LayerKind, Preprocess, TensorSpec, Variant};

use super::pytorch::renamed;
use super::stages::stage_and_unit;
use super::{HALF, cropped};
use crate::beside::timm as beside;
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "timm",
    variant: Variant {
        activation: Activation::Relu6,
        ..Variant::PYTORCH
    },
    preprocess: Some(preprocess),
    beside: Some(beside::read),
    arguments: Some(beside::arguments::read),
    plain_name: str::to_owned,
    stored,
};

/// As `mobilenetv1_100.ra4_e3600_r224_in1k` is published.
fn preprocess(_: Alpha) -> Preprocess {
    Preprocess {
        interpolation: Interpolation::Bicubic,
        ..cropped(224, 256, HALF)
    }
}

fn stored(spec: &TensorSpec) -> Option<Stored> {
    renamed(
        spec,
        |layer| name(layer, "conv_stem", ["conv_dw", "conv_pw"]),
        |layer| name(layer, "bn1", ["bn1", "bn2"]),
        "classifier",
    )
}

fn name(layer: &ConvLayer, stem: &str, [depthwise, pointwise]: [&str; 2]) -> String {
    let (stage, unit) = stage_and_unit(layer.block);
    match layer.kind {
        LayerKind::Stem => stem.to_owned(),
        LayerKind::Depthwise => format!("blocks.{stage}.{unit}.{depthwise}"),
        LayerKind::Pointwise => format!("blocks.{stage}.{unit}.{pointwise}"),
    }
}
