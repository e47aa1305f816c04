//! bubbliiiing: `mobilenet_v1_weights.pth`, of width 1.0. RetinaFace's network has the same names and another activation; the
//! widths tell them apart (`lookalikes`).

use mbn_spec::{Activation, ConvLayer, LayerKind, TensorSpec, Variant};

use super::imagenet_and_cropped;
use super::pytorch::renamed;
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "bubbliiiing",
    variant: Variant {
        activation: Activation::Relu6,
        ..Variant::PYTORCH
    },
    preprocess: Some(imagenet_and_cropped),
    beside: None,
    arguments: None,
    plain_name: str::to_owned,
    stored,
};

/// First block of each stage.
const STAGES: [usize; 3] = [0, 6, 12];

fn stored(spec: &TensorSpec) -> Option<Stored> {
    let place = |layer: &ConvLayer, after: usize| {
        let stage = STAGES
            .iter()
            .rposition(|first| *first <= layer.block)
            .unwrap_or(0);
        let module = match layer.kind {
            LayerKind::Stem | LayerKind::Depthwise => after,
            LayerKind::Pointwise => 3 + after,
        };
        format!("stage{}.{}.{module}", stage + 1, layer.block - STAGES[stage])
    };
    renamed(spec, |layer| place(layer, 0), |layer| place(layer, 1), "fc")
}
