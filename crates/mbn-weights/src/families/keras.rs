//! Keras: `keras.applications.MobileNet`, with its own layouts, activation, epsilon and padding.

use mbn_spec::{
    Activation, Alpha, ConvLayer, LayerKind, NormTensor, Preprocess, Stride2Padding, TensorRole, TensorSpec,
    Variant,
};

use super::{HALF, cropped};
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
    preprocess: Some(preprocess),
    beside: None,
    plain_name,
    stored,
};

/// Keras prescribes the channels alone, scaled to `[-1, 1]`. The crop is that of the networks its weights come from, which gives
/// higher accuracy than the whole picture squeezed.
fn preprocess(_: Alpha) -> Preprocess {
    cropped(224, 256, HALF)
}

/// `layer/tensor`. Files converted from HDF5 repeat the layer and end in `:0`; Keras 3 says `kernel` where older
/// versions say `depthwise_kernel`.
fn plain_name(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let mut parts: Vec<_> = name.split('/').collect();
    parts.dedup();
    match parts[..] {
        [layer, "kernel"] if layer.starts_with("conv_dw_") => format!("{layer}/depthwise_kernel"),
        _ => parts.join("/"),
    }
}

fn stored(spec: &TensorSpec) -> Option<Stored> {
    Some(match &spec.role {
        TensorRole::Convolution(layer) => kernel(layer),
        TensorRole::Norm(layer, tensor) => {
            let tensor = match tensor {
                NormTensor::Scale => "gamma",
                NormTensor::Shift => "beta",
                NormTensor::Mean => "moving_mean",
                NormTensor::Variance => "moving_variance",
                NormTensor::Counter => return None, // Keras counts no batches.
            };
            Stored::same(format!("{}_bn/{tensor}", layer_name(layer)), spec)
        }
        TensorRole::ClassifierWeight => Stored {
            name: "conv_preds/kernel".into(),
            shape: vec![1, 1, spec.shape[1], spec.shape[0]],
            order: vec![3, 2],
        },
        TensorRole::ClassifierBias => Stored::same("conv_preds/bias", spec),
    })
}

/// Kernels are `[height, width, in, out]`, depthwise ones `[height, width, channels, 1]`.
fn kernel(layer: &ConvLayer) -> Stored {
    let [cout, cin, height, width] = layer.weight_shape();
    let name = layer_name(layer);
    match layer.kind {
        LayerKind::Depthwise => Stored {
            name: format!("{name}/depthwise_kernel"),
            shape: vec![height, width, cout, cin],
            order: vec![2, 3, 0, 1],
        },
        LayerKind::Stem | LayerKind::Pointwise => Stored {
            name: format!("{name}/kernel"),
            shape: vec![height, width, cin, cout],
            order: vec![3, 2, 0, 1],
        },
    }
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
