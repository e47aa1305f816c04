//! AMC: the unpruned network of `amc-models`.

use mbn_spec::{ConvLayer, LayerKind, TensorSpec, Variant};

use super::imagenet_and_cropped;
use super::pytorch::renamed;
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "AMC",
    variant: Variant::PYTORCH,
    preprocess: Some(imagenet_and_cropped),
    beside: None,
    arguments: None,
    plain_name: str::to_owned,
    stored,
};

fn stored(spec: &TensorSpec) -> Option<Stored> {
    let place = |layer: &ConvLayer, after: usize| match layer.kind {
        LayerKind::Stem => format!("conv1.{after}"),
        LayerKind::Depthwise => format!("features.{}.{after}", layer.block - 1),
        LayerKind::Pointwise => format!("features.{}.{}", layer.block - 1, 3 + after),
    };
    renamed(
        spec,
        |layer| place(layer, 0),
        |layer| place(layer, 1),
        "classifier.1",
    )
}
