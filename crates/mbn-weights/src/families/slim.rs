//! TF-slim: the checkpoints of TensorFlow's `mobilenet_v1.py`, converted tensor by tensor.

use mbn_spec::{Alpha, ConvLayer, LayerKind, NormTensor, Preprocess, TensorRole, TensorSpec};

use super::{HALF, cropped, transformers};
use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "TF-slim",
    variant: transformers::VARIANT,
    preprocess: Some(preprocess),
    beside: None,
    plain_name: |name| name.strip_suffix(":0").unwrap_or(name).to_owned(),
    stored,
};

fn preprocess(_: Alpha) -> Preprocess {
    cropped(224, 256, HALF)
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
                NormTensor::Counter => return None, // TensorFlow counts no batches.
            };
            Stored::same(format!("{}/BatchNorm/{tensor}", scope(layer)), spec)
        }
        TensorRole::ClassifierWeight => Stored {
            name: "MobilenetV1/Logits/Conv2d_1c_1x1/weights".into(),
            shape: vec![1, 1, spec.shape[1], spec.shape[0]],
            order: vec![3, 2],
        },
        TensorRole::ClassifierBias => Stored::same("MobilenetV1/Logits/Conv2d_1c_1x1/biases", spec),
    })
}

/// Kernels are `[height, width, in, out]`, depthwise ones `[height, width, channels, 1]`.
fn kernel(layer: &ConvLayer) -> Stored {
    let [cout, cin, height, width] = layer.weight_shape();
    let scope = scope(layer);
    match layer.kind {
        LayerKind::Depthwise => Stored {
            name: format!("{scope}/depthwise_weights"),
            shape: vec![height, width, cout, cin],
            order: vec![2, 3, 0, 1],
        },
        LayerKind::Stem | LayerKind::Pointwise => Stored {
            name: format!("{scope}/weights"),
            shape: vec![height, width, cin, cout],
            order: vec![3, 2, 0, 1],
        },
    }
}

fn scope(layer: &ConvLayer) -> String {
    let block = layer.block;
    match layer.kind {
        LayerKind::Stem => "MobilenetV1/Conv2d_0".to_owned(),
        LayerKind::Depthwise => format!("MobilenetV1/Conv2d_{block}_depthwise"),
        LayerKind::Pointwise => format!("MobilenetV1/Conv2d_{block}_pointwise"),
    }
}
