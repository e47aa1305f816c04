//! The operations of the training step, forward and backward.

use candle_core::{DType, Device, Tensor};
use mbn_ops::{BatchNorm, BatchStatistics, LazyActivation, Normalization, ParameterGradients, Upstream};
use mbn_testing::Tolerance;

use super::comparison::Found;
use super::shapes::Block;
use super::{noise, used};
use crate::common::{EPSILON, Layer, naive_statistics, parameter_gradients, values};

const MOMENTUM: f64 = 0.1;
/// In a channel that hardly varies, batch norm multiplies the mean's rounding by up to `1 / sqrt(1e-5)`, which is 316.
const NORMALISED: Tolerance = Tolerance {
    absolute: 1e-4,
    relative_to_max: 1e-5,
};

fn layer(seed: u64, shape: &[usize], dtype: DType, device: &Device) -> Layer {
    Layer::new(seed, shape).to_dtype(dtype).to_device(device)
}

/// A layer above, the gradient of its batch norm's result, and that batch norm's parameters' gradients.
struct Above {
    layer: Layer,
    gradient: Tensor,
    parameters: ParameterGradients,
}

impl Above {
    fn new(seed: u64, shape: &[usize], dtype: DType, device: &Device) -> Self {
        let parameters = parameter_gradients(seed, shape[shape.len() - 1]);
        let moved = |tensor: &Tensor| tensor.to_device(device).unwrap();
        Self {
            layer: layer(seed, shape, dtype, device),
            gradient: noise(seed ^ 6, shape, dtype, device),
            parameters: ParameterGradients {
                gamma: moved(&parameters.gamma),
                beta: moved(&parameters.beta),
            },
        }
    }

    fn upstream(&self) -> Upstream<'_> {
        Upstream {
            activation: self.layer.activation(),
            gradient: &self.gradient,
            parameters: &self.parameters,
        }
    }
}

/// A layer's activations, as float32: each pixel pooled by itself.
fn activated(raw: &Tensor, normalization: &Normalization) -> Tensor {
    let c = raw.dims()[3];
    let raw = raw.reshape((raw.elem_count() / c, 1, 1, c)).unwrap();
    mbn_ops::global_average_pool(LazyActivation {
        raw: &raw,
        normalization,
    })
    .unwrap()
}

/// A convolution's results, alone and with batch norm; each value is a sum of `terms` terms.
fn forward(
    device: &Device,
    dtype: DType,
    shape: &[usize],
    terms: usize,
    seed: u64,
    alone: impl Fn(&Tensor) -> BatchStatistics,
    normalized: impl Fn(&BatchNorm, &mut BatchStatistics, &Tensor) -> Normalization,
) -> Vec<Found> {
    let (out, c) = (used(shape, dtype, device), shape[3]);
    let statistics = alone(&out);
    let stored = values(&out);
    let (mean, variance) = naive_statistics(&stored, c);
    let vectors = |device: &Device| [31, 32, 33, 34].map(|i| noise(seed ^ i, &[c], DType::F32, device));
    let with_norm = |device: &Device, work: &mut dyn FnMut(&BatchNorm, &mut BatchStatistics)| {
        let [gamma, beta, mean, variance] = vectors(device);
        let mut running = BatchStatistics { mean, variance };
        let norm = BatchNorm {
            gamma: &gamma,
            beta: &beta,
            epsilon: EPSILON,
            max: 1.5,
            momentum: MOMENTUM,
        };
        work(&norm, &mut running);
        running
    };
    let again = used(shape, dtype, device);
    let mut found = None;
    let running = with_norm(device, &mut |norm, running| {
        found = Some(normalized(norm, running, &again));
    });
    // The same from the stored values and their statistics.
    let vector = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
    let batch = BatchStatistics {
        mean: vector(&mean),
        variance: vector(&variance),
    };
    let rows = stored.len() / c;
    let mut expected = None;
    let expected_running = with_norm(&Device::Cpu, &mut |norm, running| {
        expected = Some(norm.apply(&batch, rows, running).unwrap());
    });
    let on_cpu = out.to_device(&Device::Cpu).unwrap();
    let following = |name, tensor: &Tensor, expected: &Tensor, tolerance| {
        Found::following(name, tensor, values(expected), tolerance)
    };
    vec![
        Found::following("mean", &statistics.mean, mean, Tolerance::CLOSE),
        Found::following("variance", &statistics.variance, variance, Tolerance::CLOSE),
        following(
            "running mean",
            &running.mean,
            &expected_running.mean,
            Tolerance::CLOSE,
        ),
        following(
            "running variance",
            &running.variance,
            &expected_running.variance,
            Tolerance::CLOSE,
        ),
        following(
            "normalised",
            &activated(&again, &found.unwrap()),
            &activated(&on_cpu, &expected.unwrap()),
            NORMALISED,
        ),
        following("result with batch norm", &again, &out, Tolerance::EXACT),
        Found::sum("result", &out, dtype, terms),
    ]
}

/// Gradients of a layer's input, of batch norm's parameters before it, and of the weight, by the number of their terms.
fn gradients(
    [input, weight]: [&Tensor; 2],
    before: &ParameterGradients,
    dtypes: [DType; 3],
    terms: [usize; 3],
) -> Vec<Found> {
    vec![
        Found::sum("input's gradient", input, dtypes[0], terms[0]),
        Found::sum("weight's gradient", weight, dtypes[1], terms[1]),
        Found::sum("gamma's gradient", &before.gamma, dtypes[2], terms[2]),
        Found::sum("beta's gradient", &before.beta, dtypes[2], terms[2]),
    ]
}

/// [`mbn_ops::depthwise`] both ways.
pub fn depthwise(block: Block, dtype: DType, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let ([n, h, w, c], (oh, ow), conv) = (block.input, block.out_size(), block.conv);
        let input = layer(seed, &block.input, dtype, device);
        let weight = noise(seed ^ 1, &[c, 1, 3, 3], DType::F32, device);
        let x = input.activation();
        let mut found = forward(
            device,
            dtype,
            &[n, oh, ow, c],
            9,
            seed,
            |out| mbn_ops::depthwise(x, &weight, conv, out).unwrap(),
            |norm, running, out| mbn_ops::depthwise_normalized(x, &weight, conv, norm, running, out).unwrap(),
        );
        let above = Above::new(seed ^ 5, &[n, oh, ow, c], dtype, device);
        let din = used(&block.input, dtype, device);
        let (dw, before) = mbn_ops::depthwise_backward(above.upstream(), x, &weight, conv, &din).unwrap();
        // Sums over pixels are in float32, whatever the dtype.
        let dtypes = [dtype, DType::F32, DType::F32];
        let terms = [9, n * oh * ow, n * h * w];
        found.extend(gradients([&din, &dw], &before, dtypes, terms));
        found
    }
}

/// [`mbn_ops::pointwise`] both ways, on the depthwise convolution's result.
pub fn pointwise(block: Block, dtype: DType, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let ([n, .., cin], (h, w), cout) = (block.input, block.out_size(), block.cout);
        let rows = n * h * w;
        let input = layer(seed, &[n, h, w, cin], dtype, device);
        let weight = noise(seed ^ 1, &[cout, cin, 1, 1], DType::F32, device);
        let x = input.activation();
        let mut found = forward(
            device,
            dtype,
            &[n, h, w, cout],
            cin,
            seed,
            |out| mbn_ops::pointwise(x, &weight, out).unwrap(),
            |norm, running, out| mbn_ops::pointwise_normalized(x, &weight, norm, running, out).unwrap(),
        );
        let above = Above::new(seed ^ 5, &[n, h, w, cout], dtype, device);
        let din = used(&[n, h, w, cin], dtype, device);
        let (dw, before) = mbn_ops::pointwise_backward(above.upstream(), x, &weight, &din).unwrap();
        let terms = [cout, rows, rows * cout];
        found.extend(gradients([&din, &dw], &before, [dtype; 3], terms));
        found
    }
}

/// [`mbn_ops::stem`] both ways. The block's channels are the result's.
pub fn stem(block: Block, dtype: DType, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let ([n, h, w, c], (oh, ow), conv) = (block.input, block.out_size(), block.conv);
        let image = noise(seed, &[n, 3, h, w], DType::F32, device);
        let weight = noise(seed ^ 1, &[c, 3, 3, 3], DType::F32, device);
        let mut found = forward(
            device,
            dtype,
            &[n, oh, ow, c],
            27,
            seed,
            |out| mbn_ops::stem(&image, &weight, conv, out).unwrap(),
            |norm, running, out| mbn_ops::stem_normalized(&image, &weight, conv, norm, running, out).unwrap(),
        );
        let above = Above::new(seed ^ 5, &[n, oh, ow, c], dtype, device);
        let dw = mbn_ops::stem_backward(above.upstream(), &image, &weight, conv).unwrap();
        found.push(Found::sum("weight's gradient", &dw, DType::F32, n * oh * ow));
        found
    }
}

/// [`mbn_ops::global_average_pool`] both ways, and of stored values.
pub fn pool([n, h, w, c]: [usize; 4], dtype: DType, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let layer = layer(seed, &[n, h, w, c], dtype, device);
        let means = mbn_ops::global_average_pool(layer.activation()).unwrap();
        let gradient = noise(seed ^ 1, &[n, c], DType::F32, device);
        let out = used(&[n, h, w, c], dtype, device);
        let before = mbn_ops::global_average_pool_backward(&gradient, layer.activation(), &out).unwrap();
        let x = noise(seed ^ 2, &[n, h, w, c], DType::F32, device);
        let stored = mbn_ops::global_average_pool_stored(&x).unwrap();
        vec![
            Found::sum("means", &means, DType::F32, 1),
            Found::sum("means of stored values", &stored, DType::F32, 1),
            Found::sum("input's gradient", &out, dtype, 1),
            Found::sum("gamma's gradient", &before.gamma, DType::F32, n * h * w),
            Found::sum("beta's gradient", &before.beta, DType::F32, n * h * w),
        ]
    }
}
