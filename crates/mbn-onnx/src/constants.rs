//! The constants that the network's nodes read: weights, folded or not, and the preprocessing.

use mbn_spec::{Activation, Architecture, Preprocess, Resize, TensorKind, TensorRole};
use mbn_weights::{Folded, Weights};

use crate::builder::{GraphBuilder, byte, floats, ints, signed_bytes};
use crate::names::{
    AXES, BYTE_ZERO, CLASSIFIER_ZERO, OFFSET, RELU6_MAX, RELU6_MIN, SCALE, SHAPE, SHORTER, SIZE, TWO,
};
use crate::proto::TensorProto;
use crate::{ExportError, ExportOptions, InputKind, InputSize, Precision};

/// The constants that do not depend on the weights.
pub(crate) fn fixed(
    architecture: &Architecture,
    preprocess: &Preprocess,
    options: &ExportOptions,
) -> Vec<TensorProto> {
    let mut constants = Vec::new();
    if options.size == InputSize::Resized {
        let size = preprocess.size as i64;
        constants.push(ints(SIZE, &[size, size]));
        if preprocess.resize == Resize::Crop {
            constants.extend([
                ints(SHORTER, &[preprocess.shorter_side() as i64]),
                ints(TWO, &[2]),
                ints(AXES, &[1, 2]),
                // 0 stands for the batch as it is.
                ints(SHAPE, &[0, size, size, 3]),
            ]);
        }
    }
    if options.input == InputKind::Uint8 {
        // Always in float32: float16 holds the bytes exactly, but not their scale.
        let channels = |name, values: [f32; 3]| floats(name, &[1, 3, 1, 1], &values, Precision::Fp32);
        constants.push(channels(SCALE, [0, 1, 2].map(|c| preprocess.affine(c).0)));
        constants.push(channels(OFFSET, [0, 1, 2].map(|c| preprocess.affine(c).1)));
    }
    let layers = architecture.convs().len() + 1;
    if options.precision == Precision::Int8 && options.keep_float.len() < layers {
        constants.push(byte(BYTE_ZERO, 0));
    }
    if options.on_bytes(layers - 1) {
        let classes = architecture.classes;
        constants.push(signed_bytes(CLASSIFIER_ZERO, &[classes], &vec![0; classes]));
    }
    // Bytes need no limit: they end.
    let clips = (0..layers - 1).any(|conv| !options.on_bytes(conv));
    if architecture.variant.activation == Activation::Relu6 && clips {
        let scalar = |name, value| floats(name, &[], &[value], options.precision);
        constants.push(scalar(RELU6_MIN, 0.0));
        constants.push(scalar(RELU6_MAX, Activation::Relu6.max()));
    }
    constants
}

/// Adds every constant that the nodes of `network::add` read: folded weights, if there are any.
pub(crate) fn add(
    graph: &mut GraphBuilder,
    weights: &Weights,
    folded: Option<&Folded>,
    preprocess: &Preprocess,
    options: &ExportOptions,
) -> Result<(), ExportError> {
    let architecture = weights.architecture();
    for constant in fixed(architecture, preprocess, options) {
        graph.constant(constant);
    }
    let mut add = |name: &str, dims: &[usize], values: &[f32], precision| -> Result<(), ExportError> {
        check_range(name, values, precision)?;
        graph.initializer(name, dims, values, precision);
        Ok(())
    };
    let precision = options.precision;
    if let Some(folded) = folded {
        for (layer, conv) in architecture.convs().iter().zip(&folded.convs) {
            let (name, bias_dims) = (layer.conv_name(), [layer.out_channels]);
            add(
                &format!("{name}.weight"),
                &layer.weight_shape(),
                &conv.weight,
                precision,
            )?;
            add(&format!("{name}.bias"), &bias_dims, &conv.bias, precision)?;
        }
    }
    for spec in architecture.tensors() {
        let is_classifier = matches!(
            spec.role,
            TensorRole::ClassifierWeight | TensorRole::ClassifierBias
        );
        let precision = match spec.kind {
            TensorKind::Counter => continue,
            _ if is_classifier => precision,
            _ if folded.is_some() => continue,
            TensorKind::Weight => precision,
            TensorKind::Bias | TensorKind::Buffer => options.batch_norm_precision(),
        };
        add(&spec.name, &spec.shape, weights.values(&spec.name), precision)?;
    }
    Ok(())
}

fn check_range(name: &str, values: &[f32], precision: Precision) -> Result<(), ExportError> {
    let outside = |value: &&f32| value.is_nan() || value.abs() > precision.max();
    match values.iter().find(outside) {
        None => Ok(()),
        Some(&value) => Err(ExportError::Range {
            tensor: name.to_owned(),
            value,
            precision,
        }),
    }
}
