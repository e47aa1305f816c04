//! NaN in an activation must not look like an inactive value: bounds keep it.

use candle_core::Tensor;

use super::stream::Emulation;
use super::support::{Above, ELEMENT_TYPES, activation, layer, parameters, used, vector};
use crate::common::{Layer, tensor, values};
use mbn_ops::Conv3x3;
use mbn_ops::kernels::{self, ConvShape, ElementType};

/// Height, width and channels: for each size of tile that has variants of its own, for other sizes, and for channels
/// that are loaded one by one.
const SHAPES: [[usize; 3]; 4] = [[14, 14, 32], [7, 7, 32], [5, 4, 24], [5, 4, 27]];
const CHANNEL: usize = 7;

/// A layer with NaN in one channel of an inner pixel: at the edge the CPU may multiply it by the zero of a padding that
/// is elsewhere. An even seed makes ReLU, an odd one a bounded ReLU.
fn with_nan(seed: u64, [h, w, c]: [usize; 3], element: ElementType) -> Layer {
    let mut layer = layer(seed, &[1, h, w, c], element);
    let mut raw = values(&layer.raw);
    raw[(2 * w + 1) * c + CHANNEL] = f32::NAN;
    layer.raw = Tensor::from_vec(raw, &[1, h, w, c], &candle_core::Device::Cpu)
        .and_then(|raw| raw.to_dtype(layer.raw.dtype()))
        .unwrap();
    layer
}

/// Compares which values are NaN. Some are, and some are not.
fn check(name: &str, found: &[f32], expected: &Tensor) {
    let nan = |values: &[f32]| values.iter().map(|value| value.is_nan()).collect::<Vec<_>>();
    let expected = nan(&values(expected));
    assert!(expected.contains(&true) && expected.contains(&false), "{name}");
    assert_eq!(nan(found), expected, "{name}");
}

#[test]
fn nan_passes_every_activation() {
    let Some(device) = Emulation::new() else { return };
    for (element, seed) in ELEMENT_TYPES
        .into_iter()
        .flat_map(|element| [(element, 2), (element, 3)])
    {
        for [h, w, c] in SHAPES {
            let name = |operation: &str| format!("{operation}, {element:?}, {h} x {w} x {c}, seed {seed}");
            let layer = with_nan(seed, [h, w, c], element);
            let x = activation(&device, &layer);
            let extent = [1, h * w, c];

            let out = vector(&device, c);
            kernels::global_average_pool(&device, element, extent, x, out).unwrap();
            let expected = mbn_ops::global_average_pool(layer.activation()).unwrap();
            check(&name("pool"), &device.floats(out), &expected);

            let (cout, weight) = (8, tensor(seed ^ 8, &[8, c, 1, 1]));
            let expected = used(&[1, h, w, cout], element);
            let _ = mbn_ops::pointwise(layer.activation(), &weight, &expected).unwrap();
            let pointwise = kernels::Pointwise {
                rows: h * w,
                cin: c,
                cout,
                input: x,
                weight: device.upload(&weight),
            };
            let out = device.tensor(element, &[h * w, cout]);
            let _ = kernels::pointwise(&device, element, pointwise, out).unwrap();
            check(&name("pointwise"), &device.values(element, out), &expected);

            for stride in [1, 2] {
                let conv = Conv3x3::symmetric(stride);
                let shape = ConvShape::new([1, h, w, c], conv).unwrap();
                let (oh, ow) = shape.out_size();
                let weight = tensor(seed ^ 4, &[c, 1, 3, 3]);
                let expected = used(&[1, oh, ow, c], element);
                let _ = mbn_ops::depthwise(layer.activation(), &weight, conv, &expected).unwrap();
                let (out, taps) = (device.tensor(element, &[1, oh, ow, c]), device.upload(&weight));
                let _ = kernels::depthwise(&device, element, shape, x, taps, out).unwrap();
                check(&name("depthwise"), &device.values(element, out), &expected);

                let above = Above::new(seed ^ 5, &[1, oh, ow, c], element);
                let dx = used(&[1, h, w, c], element);
                let (dw, _) =
                    mbn_ops::depthwise_backward(above.cpu(), layer.activation(), &weight, conv, &dx).unwrap();
                let gradients = kernels::DepthwiseGradients {
                    input: device.tensor(element, &[1, h, w, c]),
                    parameters: parameters(&device, c),
                    weight: vector(&device, 9 * c),
                };
                let upstream = above.upload(&device);
                kernels::depthwise_backward(&device, element, shape, upstream, x, taps, gradients).unwrap();
                check(&name("depthwise: weight"), &device.floats(gradients.weight), &dw);
            }
        }
    }
}
