//! What Keras and TF-slim share, both being TensorFlow's: layouts, and what the tensors of a batch norm are called.

use mbn_spec::{ConvLayer, LayerKind, NormTensor, TensorRole, TensorSpec};

use crate::family::Stored;

/// The names that a library of TensorFlow's gives.
pub(super) struct Names {
    pub kernel: fn(&ConvLayer) -> String,
    /// A layer's batch norm.
    pub norm: fn(&ConvLayer) -> String,
    pub classifier_weight: &'static str,
    pub classifier_bias: &'static str,
}

/// Kernels are `[height, width, in, out]`, depthwise ones `[height, width, channels, 1]`; the classifier is a 1x1 convolution.
pub(super) fn stored(spec: &TensorSpec, names: &Names) -> Option<Stored> {
    Some(match &spec.role {
        TensorRole::Convolution(layer) => kernel(layer, names),
        TensorRole::Norm(layer, tensor) => {
            let tensor = match tensor {
                NormTensor::Scale => "gamma",
                NormTensor::Shift => "beta",
                NormTensor::Mean => "moving_mean",
                NormTensor::Variance => "moving_variance",
                NormTensor::Counter => return None, // TensorFlow counts no batches.
            };
            Stored::same(format!("{}/{tensor}", (names.norm)(layer)), spec)
        }
        TensorRole::ClassifierWeight => Stored {
            name: names.classifier_weight.to_owned(),
            shape: vec![1, 1, spec.shape[1], spec.shape[0]],
            order: vec![3, 2],
        },
        TensorRole::ClassifierBias => Stored::same(names.classifier_bias, spec),
    })
}

fn kernel(layer: &ConvLayer, names: &Names) -> Stored {
    let [cout, cin, height, width] = layer.weight_shape();
    let (shape, order) = match layer.kind {
        LayerKind::Depthwise => ([height, width, cout, cin], [2, 3, 0, 1]),
        LayerKind::Stem | LayerKind::Pointwise => ([height, width, cin, cout], [3, 2, 0, 1]),
    };
    Stored {
        name: (names.kernel)(layer),
        shape: shape.to_vec(),
        order: order.to_vec(),
    }
}
