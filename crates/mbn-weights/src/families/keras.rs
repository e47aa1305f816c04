//! Keras: `keras.applications.MobileNet`, with its own layouts, activation, epsilon and padding.

use mbn_spec::{Activation, ConvLayer, LayerKind, Stride2Padding, TensorSpec, Variant};

use super::half_and_cropped;
use super::tensorflow::{self, Names};
use crate::family::{Family, Stored};

/// ReLU6, epsilon 1e-3, stride-2 convolutions padded at the bottom and right.
pub const VARIANT: Variant = Variant {
    activation: Activation::Relu6,
    batch_norm_epsilon: 1e-3,
    stride2_padding: Stride2Padding::End,
};

pub(crate) static FAMILY: Family = Family {
    name: "Keras",
    variant: VARIANT,
    // Keras prescribes the channels alone. The crop is that of the networks its weights come from, which gives higher accuracy
    // than the whole picture squeezed.
    preprocess: Some(half_and_cropped),
    beside: None,
    arguments: None,
    plain_name,
    stored,
};

/// `layer/tensor`, behind the groups that the layer is in. Files converted from HDF5 repeat the layer and end in `:0`; Keras 3 says
/// `kernel` where older versions say `depthwise_kernel`.
fn plain_name(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let mut parts: Vec<_> = name.split('/').collect();
    parts.dedup();
    if let [.., layer, tensor] = parts.as_mut_slice()
        && layer.starts_with("conv_dw_")
        && *tensor == "kernel"
    {
        *tensor = "depthwise_kernel";
    }
    parts.join("/")
}

fn stored(spec: &TensorSpec) -> Option<Stored> {
    const NAMES: Names = Names {
        kernel: |layer| match layer.kind {
            LayerKind::Depthwise => format!("{}/depthwise_kernel", layer_name(layer)),
            LayerKind::Stem | LayerKind::Pointwise => format!("{}/kernel", layer_name(layer)),
        },
        norm: |layer| format!("{}_bn", layer_name(layer)),
        classifier_weight: "conv_preds/kernel",
        classifier_bias: "conv_preds/bias",
    };
    tensorflow::stored(spec, &NAMES)
}

fn layer_name(layer: &ConvLayer) -> String {
    match layer.kind {
        LayerKind::Stem => "conv1".to_owned(),
        LayerKind::Depthwise => format!("conv_dw_{}", layer.block),
        LayerKind::Pointwise => format!("conv_pw_{}", layer.block),
    }
}

#[cfg(test)]
mod tests;
