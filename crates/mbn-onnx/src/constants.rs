//! The constants that the network's nodes read: weights, folded or not, and the preprocessing.

use half::f16;
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
    let mut add = |name: &str, dims: &[usize], values: &[f32], precision, stored: Option<&[f32]>| {
        let folded = stored.is_some();
        check_range(name, values, precision, stored)?;
        // A bias is beside a sum of products: what vanishes of it is nothing beside that.
        if name.ends_with(".weight") {
            check_digits(name, values, precision, folded)?;
        }
        graph.initializer(name, dims, values, precision);
        Ok::<(), ExportError>(())
    };
    let precision = options.precision;
    if let Some(folded) = folded {
        for (layer, conv) in architecture.convs().iter().zip(&folded.convs) {
            let (name, shape) = (layer.conv_name(), layer.weight_shape());
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            let stored = weights.values(&weight);
            add(&weight, &shape, &conv.weight, precision, Some(stored))?;
            // Convolutions have no bias of their own.
            add(&bias, &[layer.out_channels], &conv.bias, precision, Some(&[]))?;
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
        let values = weights.values(&spec.name);
        add(&spec.name, &spec.shape, values, precision, None)?;
    }
    Ok(())
}

/// Refuses values beyond what the precision holds. `stored` are those of the weights, if batch norm was folded into them.
fn check_range(
    name: &str,
    values: &[f32],
    precision: Precision,
    stored: Option<&[f32]>,
) -> Result<(), ExportError> {
    let outside = |value: &f32| value.is_nan() || value.abs() > precision.max();
    match values.iter().position(outside) {
        None => Ok(()),
        Some(at) => Err(ExportError::Range {
            tensor: name.to_owned(),
            value: values[at],
            folded: stored.is_some(),
            stored: stored.and_then(|stored| stored.get(at).copied()),
            precision,
        }),
    }
}

/// What may be lost of a tensor, in length. Eleven bits lose at most 1/2048 of each value, seven bits 1/128: a tensor that loses
/// more lies where float16 ends. Filters that are dead, and tiny beside the others, do not count.
const MOST_LOST: f64 = 1.0 / 128.0;

/// Refuses weights that float16 rounds to zero, or nearly so.
fn check_digits(name: &str, values: &[f32], precision: Precision, folded: bool) -> Result<(), ExportError> {
    if precision != Precision::Fp16 {
        return Ok(());
    }
    let square = |value: f32| f64::from(value).powi(2);
    let (mut length, mut lost, mut found, mut zero, mut small) = (0.0, 0.0, 0, 0, 0);
    for &value in values.iter().filter(|value| **value != 0.0) {
        let rounded = f16::from_f32(value).to_f32();
        length += square(value);
        lost += square(value - rounded);
        found += 1;
        zero += usize::from(rounded == 0.0);
        small += usize::from(value.abs() < precision.smallest_normal());
    }
    if lost <= MOST_LOST.powi(2) * length {
        return Ok(());
    }
    Err(ExportError::Vanishing {
        tensor: name.to_owned(),
        values: found,
        zero,
        small,
        lost: (lost / length).sqrt() as f32,
        folded,
        precision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_which_float16_keeps_little_are_refused() {
        let check = |values: &[f32]| check_digits("fc.weight", values, Precision::Fp16, false);
        // As far as every digit is kept, some below, and dead filters beside others.
        for values in [
            &[0.0; 4][..],
            &[7e-5, -0.3, 1e-9],
            &[1.0, 1e-12, 1e-12, 1e-12],
            &[3.3e-5, -5.1e-5],
        ] {
            assert_eq!(check(values), Ok(()), "{values:?}");
        }
        for values in [&[1e-9, 0.0, -2e-9][..], &[1e-6, 1.7e-6, -1.3e-6]] {
            let error = check(values).unwrap_err().to_string();
            assert!(error.contains("`fc.weight` has "), "{error}");
            assert_eq!(check_digits("", values, Precision::Fp32, false), Ok(()));
        }
        assert_eq!(
            check(&[1e-9, 0.0, -2e-9]).unwrap_err().to_string(),
            "`fc.weight` has 2 values that are not zero; in fp16 2 of them become zero, and 2 are below 6.1e-5, where digits are \
             lost: the rounded values are 100 % off"
        );
    }
}
