//! Weights under the names and in the layouts of `keras.applications.MobileNet`.
//!
//! Keras keeps kernels as `[height, width, in, out]`, a depthwise one as `[height, width, channels, 1]`, and its
//! network differs from PyTorch's usual one in three points: [`Variant::keras`].

use std::collections::{BTreeMap, BTreeSet};

use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};

use crate::architecture::{TensorKind, TensorSpec};
use crate::weights::{MismatchError, WeightsErrorKind, describe, nearest_alpha};
use crate::{Activation, Architecture, LayerKind, Metadata, Preprocess, Stride2Padding, Variant, Weights};

const STEM: &str = "conv1/kernel";
const CLASSIFIER: &str = "conv_preds/kernel";
const CLASSIFIER_BIAS: &str = "conv_preds/bias";

impl Variant {
    /// Keras's: ReLU6, epsilon 1e-3, padding of the stride-2 convolutions at the bottom and right.
    pub fn keras() -> Self {
        Self {
            activation: Activation::Relu6,
            batch_norm_epsilon: 1e-3,
            stride2_padding: Stride2Padding::End,
        }
    }
}

impl Preprocess {
    /// Keras's: channels scaled to `[-1, 1]`.
    pub fn keras() -> Self {
        Self {
            mean: [0.5; 3],
            std: [0.5; 3],
            ..Self::default()
        }
    }
}

/// Where a tensor of the state dict lies in Keras's file.
struct Source {
    name: String,
    /// In Keras's order of dimensions.
    shape: Vec<usize>,
    /// For each dimension of the state dict's tensor, Keras's.
    order: Vec<usize>,
}

/// Whether these are a Keras file's tensors: PyTorch's names have no slash.
pub(crate) fn recognise(tensors: &SafeTensors) -> bool {
    let mut names = tensors.names().into_iter();
    names.any(|name| {
        ["conv1", "conv_dw_", "conv_pw_", "conv_preds"]
            .iter()
            .any(|layer| name.starts_with(layer))
            && name.contains('/')
    })
}

/// The weights with PyTorch's names and layouts. What the metadata does not say is as in Keras.
pub(crate) fn read(tensors: &SafeTensors, mut metadata: Metadata) -> Result<Weights, WeightsErrorKind> {
    let views: BTreeMap<String, TensorView> = tensors
        .iter()
        .map(|(name, view)| (plain_name(name), view))
        .collect();
    metadata.variant.get_or_insert_with(Variant::keras);
    metadata.preprocess.get_or_insert_with(Preprocess::keras);
    let architecture = nearest_architecture(&views, &metadata);
    let problems = problems(&views, &architecture);
    if !problems.is_empty() {
        let expected = format!("Keras's {}", describe(&architecture));
        return Err(MismatchError { expected, problems }.into());
    }
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for spec in architecture.tensors() {
        let source = source(&architecture, &spec);
        match views.get(&source.name) {
            Some(view) if spec.kind != TensorKind::Counter => {
                drop(floats.insert(spec.name, permuted(view.data(), &source)));
            }
            // Keras counts no batches.
            _ => drop(counters.insert(spec.name, 0)),
        }
    }
    Ok(Weights::new(architecture, metadata, floats, counters)?)
}

/// Every tensor that is missing, misshaped or not part of the network.
fn problems(views: &BTreeMap<String, TensorView>, architecture: &Architecture) -> Vec<String> {
    let (mut problems, mut expected) = (Vec::new(), BTreeSet::new());
    let specs = architecture.tensors().into_iter();
    for spec in specs.filter(|spec| spec.kind != TensorKind::Counter) {
        let source = source(architecture, &spec);
        match views.get(&source.name) {
            None => problems.push(format!("`{}` is missing", source.name)),
            Some(view) if view.dtype() != Dtype::F32 || view.shape() != source.shape => {
                let (dtype, shape) = (view.dtype(), view.shape());
                problems.push(format!(
                    "`{}` is {dtype} {shape:?}, expected F32 {:?}",
                    source.name, source.shape
                ));
            }
            Some(_) => {}
        }
        expected.insert(source.name);
    }
    let unexpected = views.keys().filter(|name| !expected.contains(*name));
    problems.extend(unexpected.map(|name| format!("`{name}` is not part of the network")));
    problems
}

/// `layer/tensor`, without the `:0` and the repeated layer that files converted from HDF5 have. Keras 3 says
/// `kernel` where older ones say `depthwise_kernel`.
fn plain_name(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let mut parts: Vec<_> = name.split('/').collect();
    parts.dedup();
    match parts[..] {
        [layer, "kernel"] if layer.starts_with("conv_dw_") => format!("{layer}/depthwise_kernel"),
        _ => parts.join("/"),
    }
}

/// The network that these tensors are nearest to: the number of classes is the classifier's, alpha that of [`nearest_alpha`].
fn nearest_architecture(views: &BTreeMap<String, TensorView>, metadata: &Metadata) -> Architecture {
    let last_dim = |name: &str| views.get(name)?.shape().last().copied();
    let named = metadata.classes.as_ref().map(Vec::len);
    let classes = last_dim(CLASSIFIER_BIAS)
        .or_else(|| last_dim(CLASSIFIER))
        .or(named);
    let of = |alpha| Architecture {
        variant: metadata.variant.unwrap_or_else(Variant::keras),
        ..Architecture::new(alpha, classes.unwrap_or(1))
    };
    let count = |alpha| problems(views, &of(alpha)).len();
    of(nearest_alpha(last_dim(STEM), metadata.alpha, count))
}

fn source(architecture: &Architecture, spec: &TensorSpec) -> Source {
    let same = |name: String| Source {
        name,
        shape: spec.shape.clone(),
        order: (0..spec.shape.len()).collect(),
    };
    for layer in architecture.convs() {
        let [cout, cin, height, width] = layer.weight_shape();
        let keras = match layer.kind {
            LayerKind::Stem => "conv1".to_owned(),
            LayerKind::Depthwise => format!("conv_dw_{}", layer.block),
            LayerKind::Pointwise => format!("conv_pw_{}", layer.block),
        };
        if spec.name == format!("{}.weight", layer.conv_name()) {
            return match layer.kind {
                LayerKind::Depthwise => Source {
                    name: format!("{keras}/depthwise_kernel"),
                    shape: vec![height, width, cout, cin],
                    order: vec![2, 3, 0, 1],
                },
                LayerKind::Stem | LayerKind::Pointwise => Source {
                    name: format!("{keras}/kernel"),
                    shape: vec![height, width, cin, cout],
                    order: vec![3, 2, 0, 1],
                },
            };
        }
        let part = spec.name.strip_prefix(&layer.norm_name());
        let part = match part.and_then(|part| part.strip_prefix('.')) {
            Some("weight") => "gamma",
            Some("bias") => "beta",
            Some("running_mean") => "moving_mean",
            Some("running_var") => "moving_variance",
            _ => continue,
        };
        return same(format!("{keras}_bn/{part}"));
    }
    if spec.kind == TensorKind::Weight {
        return Source {
            name: CLASSIFIER.into(),
            shape: vec![1, 1, architecture.features(), architecture.classes],
            order: vec![3, 2],
        };
    }
    same(CLASSIFIER_BIAS.into())
}

/// The little-endian float32 values `bytes` in the state dict's order. Dimensions that `order` leaves out are 1.
fn permuted(bytes: &[u8], source: &Source) -> Vec<f32> {
    let mut strides = vec![1; source.shape.len()];
    for i in (1..strides.len()).rev() {
        strides[i - 1] = strides[i] * source.shape[i];
    }
    let mut offsets = vec![0];
    for &dim in &source.order {
        let steps = 0..source.shape[dim];
        offsets = offsets
            .iter()
            .flat_map(|offset| steps.clone().map(move |step| (*offset, step)))
            .map(|(offset, step)| offset + step * strides[dim])
            .collect();
    }
    let values = bytes.as_chunks().0;
    offsets.iter().map(|&i| f32::from_le_bytes(values[i])).collect()
}

#[cfg(test)]
#[path = "keras_tests.rs"]
mod tests;
