//! pytorchcv: `mobilenet_w1`, `mobilenet_w3d4`, `mobilenet_wd2`, `mobilenet_wd4`.

use mbn_spec::{ConvLayer, LayerKind, TensorSpec, Variant};

use super::imagenet_and_cropped;
use super::pytorch::renamed;
use super::stages::stage_and_unit;
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "pytorchcv",
    variant: Variant::PYTORCH,
    preprocess: Some(imagenet_and_cropped),
    beside: None,
    arguments: None,
    plain_name: str::to_owned,
    stored,
};

fn stored(spec: &TensorSpec) -> Option<Stored> {
    let module = |layer: &ConvLayer| {
        let (stage, unit) = stage_and_unit(layer.block);
        let (stage, unit) = (stage + 1, unit + 1);
        match layer.kind {
            LayerKind::Stem => "features.init_block".to_owned(),
            LayerKind::Depthwise => format!("features.stage{stage}.unit{unit}.dw_conv"),
            LayerKind::Pointwise => format!("features.stage{stage}.unit{unit}.pw_conv"),
        }
    };
    renamed(
        spec,
        |layer| format!("{}.conv", module(layer)),
        |layer| format!("{}.bn", module(layer)),
        "output",
    )
}
