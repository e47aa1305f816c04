//! Operands in the emulation's memory, and comparisons.

use candle_core::{DType, Device, Tensor};
use mbn_testing::{Tolerance, assert_close};

use super::stream::Emulation;
use crate::common::{Layer, parameter_gradients, tensor, values};
use mbn_ops::kernels::{self, ElementType, Pointer};

pub const ELEMENT_TYPES: [ElementType; 2] = [ElementType::F32, ElementType::Bf16];

pub fn dtype(element: ElementType) -> DType {
    match element {
        ElementType::F32 => DType::F32,
        ElementType::Bf16 => DType::BF16,
    }
}

/// For values that are each a sum over `terms` terms of order one. The CPU's sums are in another order; in bfloat16 the
/// result, and for a product its operands, may be rounded to the other neighbour.
pub fn tolerance(element: ElementType, terms: usize) -> Tolerance {
    match element {
        ElementType::F32 => Tolerance::CLOSE.for_sum(terms),
        ElementType::Bf16 => Tolerance {
            absolute: (terms as f32).sqrt() / 256.0,
            relative_to_max: 1.0 / 128.0,
        },
    }
}

/// Compares the device's values with the CPU's.
pub fn check(name: &str, found: &[f32], expected: &Tensor, element: ElementType, terms: usize) {
    let name = format!("{name}, {element:?}");
    assert_close(&name, found, &values(expected), tolerance(element, terms));
}

/// A tensor of noise of the given type.
pub fn noise(seed: u64, shape: &[usize], element: ElementType) -> Tensor {
    tensor(seed, shape).to_dtype(dtype(element)).unwrap()
}

/// What a kernel has to overwrite.
pub fn used(shape: &[usize], element: ElementType) -> Tensor {
    Tensor::full(7f32, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype(element))
        .unwrap()
}

pub fn layer(seed: u64, shape: &[usize], element: ElementType) -> Layer {
    Layer::new(seed, shape).to_dtype(dtype(element))
}

pub fn activation(device: &Emulation, layer: &Layer) -> kernels::LazyActivationPointers {
    kernels::LazyActivationPointers {
        raw: device.upload(&layer.raw),
        constants: device.upload(layer.normalization.constants()),
        max: layer.normalization.max(),
    }
}

/// A layer above, the gradient of its batch norm's result, and that batch norm's parameters' gradients.
pub struct Above {
    layer: Layer,
    gradient: Tensor,
    parameters: mbn_ops::ParameterGradients,
}

impl Above {
    pub fn new(seed: u64, shape: &[usize], element: ElementType) -> Self {
        Self {
            layer: layer(seed, shape, element),
            gradient: noise(seed ^ 6, shape, element),
            parameters: parameter_gradients(seed, shape[shape.len() - 1]),
        }
    }

    pub fn cpu(&self) -> mbn_ops::Upstream<'_> {
        mbn_ops::Upstream {
            activation: self.layer.activation(),
            gradient: &self.gradient,
            parameters: &self.parameters,
        }
    }

    pub fn upload(&self, device: &Emulation) -> kernels::UpstreamPointers {
        kernels::UpstreamPointers {
            activation: activation(device, &self.layer),
            gradient: device.upload(&self.gradient),
            parameters: kernels::ParameterGradientPointers {
                gamma: device.upload(&self.parameters.gamma),
                beta: device.upload(&self.parameters.beta),
            },
        }
    }
}

/// Room for gradients of `c` channels.
pub fn parameters(device: &Emulation, c: usize) -> kernels::ParameterGradientPointers {
    kernels::ParameterGradientPointers {
        gamma: vector(device, c),
        beta: vector(device, c),
    }
}

pub fn vector(device: &Emulation, len: usize) -> Pointer {
    device.tensor(ElementType::F32, &[len])
}

pub fn check_parameters(
    name: &str,
    device: &Emulation,
    found: kernels::ParameterGradientPointers,
    expected: &mbn_ops::ParameterGradients,
    element: ElementType,
    terms: usize,
) {
    check(
        &format!("{name}: gamma"),
        &device.floats(found.gamma),
        &expected.gamma,
        element,
        terms,
    );
    check(
        &format!("{name}: beta"),
        &device.floats(found.beta),
        &expected.beta,
        element,
        terms,
    );
}

/// Finishes `sums` of `rows` rows and compares all results with the statistics of the device's own
/// stored values, `out`.
pub fn check_statistics(device: &Emulation, sums: kernels::Sums, out: &[f32], seed: u64) {
    const MOMENTUM: f64 = 0.1;
    let c = sums.channels();
    let rows = out.len() / c;
    let (gamma, beta) = (tensor(seed ^ 31, &[c]), tensor(seed ^ 32, &[c]));
    let before = (tensor(seed ^ 33, &[c]), tensor(seed ^ 34, &[c]));
    let (mean, variance, constants) = (vector(device, c), vector(device, c), vector(device, 4 * c));
    let running = kernels::Running {
        mean: device.upload(&before.0),
        variance: device.upload(&before.1),
        momentum: MOMENTUM,
    };
    let norm = kernels::BatchNormPointers {
        gamma: device.upload(&gamma),
        beta: device.upload(&beta),
        epsilon: crate::common::EPSILON,
        running: Some(running),
        mean: Some(mean),
        variance: Some(variance),
        constants,
    };
    kernels::batch_norm(device, sums, rows, norm).unwrap();

    let expected = crate::common::naive_statistics(out, c);
    assert_close("mean", &device.floats(mean), &expected.0, Tolerance::CLOSE);
    assert_close(
        "variance",
        &device.floats(variance),
        &expected.1,
        Tolerance::CLOSE,
    );
    let vector = |values: Vec<f32>| Tensor::new(values, &Device::Cpu).unwrap();
    let mix = |old: &Tensor, new: &[f32], factor: f64| -> Vec<f32> {
        let pairs = values(old).into_iter().zip(new);
        pairs
            .map(|(old, new)| {
                (f64::from(old) * (1.0 - MOMENTUM) + f64::from(*new) * factor * MOMENTUM) as f32
            })
            .collect()
    };
    let unbiased = rows as f64 / (rows as f64 - 1.0).max(1.0);
    let means = device.floats(running.mean);
    assert_close(
        "running mean",
        &means,
        &mix(&before.0, &expected.0, 1.0),
        Tolerance::CLOSE,
    );
    let variances = device.floats(running.variance);
    assert_close(
        "running variance",
        &variances,
        &mix(&before.1, &expected.1, unbiased),
        Tolerance::CLOSE,
    );

    // From the device's statistics: for a variance near zero, the constants magnify the rounding.
    let statistics = mbn_ops::BatchStatistics {
        mean: vector(device.floats(mean)),
        variance: vector(device.floats(variance)),
    };
    let normalization =
        mbn_ops::Normalization::new(&statistics, &gamma, &beta, crate::common::EPSILON, f32::INFINITY)
            .unwrap();
    let expected = values(normalization.constants());
    assert_close(
        "constants",
        &device.floats(constants),
        &expected,
        Tolerance::CLOSE,
    );
    let again = device.room(16 * c);
    let [mean, variance] = [mean, variance];
    kernels::normalization(
        device,
        c,
        [mean, variance],
        [norm.gamma, norm.beta],
        norm.epsilon,
        again,
    )
    .unwrap();
    assert_close(
        "constants again",
        &device.floats(again),
        &expected,
        Tolerance::CLOSE,
    );
}
