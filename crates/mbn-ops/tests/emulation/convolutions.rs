//! The convolutions, forward and backward.

use proptest::prelude::*;

use super::stream::Emulation;
use super::support::{
    Above, ELEMENT_TYPES, activation, check, check_parameters, check_statistics, layer, noise, parameters,
};
use super::support::{used, vector};
use crate::common::{geometry, tensor, values};
use mbn_ops::Conv3x3;
use mbn_ops::kernels::{self, ConvShape, ElementType};

/// Number of shapes; each runs with both element types.
const CASES: u32 = 24;

/// Odd numbers of channels, loaded one by one, and those of the network, loaded 16 bytes at once.
fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..40, (1usize..10).prop_map(|c| 8 * c)]
}

pub fn check_depthwise(
    device: &Emulation,
    element: ElementType,
    [n, h, w, c]: [usize; 4],
    conv: Conv3x3,
    seed: u64,
) {
    let shape = ConvShape::new([n, h, w, c], conv).unwrap();
    let (oh, ow) = shape.out_size();
    let (input, weight) = (
        layer(seed, &[n, h, w, c], element),
        tensor(seed ^ 1, &[c, 1, 3, 3]),
    );
    let expected = used(&[n, oh, ow, c], element);
    let _ = mbn_ops::depthwise(input.activation(), &weight, conv, &expected).unwrap();
    let (x, taps) = (activation(device, &input), device.upload(&weight));
    let out = device.tensor(element, &[n, oh, ow, c]);
    let sums = kernels::depthwise(device, element, shape, x, taps, out).unwrap();
    let found = device.values(element, out);
    check("depthwise", &found, &expected, element, 9);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, oh, ow, c], element);
    let expected = used(&[n, h, w, c], element);
    let (dw, before) =
        mbn_ops::depthwise_backward(above.cpu(), input.activation(), &weight, conv, &expected).unwrap();
    let gradients = kernels::DepthwiseGradients {
        input: device.tensor(element, &[n, h, w, c]),
        parameters: parameters(device, c),
        weight: vector(device, 9 * c),
    };
    kernels::depthwise_backward(device, element, shape, above.upload(device), x, taps, gradients).unwrap();
    check(
        "depthwise: input",
        &device.values(element, gradients.input),
        &expected,
        element,
        9,
    );
    // Both sum in float32, whatever the element.
    let f32 = ElementType::F32;
    check(
        "depthwise: weight",
        &device.floats(gradients.weight),
        &dw,
        f32,
        n * oh * ow,
    );
    check_parameters("depthwise", device, gradients.parameters, &before, f32, n * h * w);
}

pub fn check_stem(
    device: &Emulation,
    element: ElementType,
    [n, h, w, c]: [usize; 4],
    conv: Conv3x3,
    seed: u64,
) {
    let shape = ConvShape::new([n, h, w, c], conv).unwrap();
    let (oh, ow) = shape.out_size();
    let (image, weight) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 1, &[c, 3, 3, 3]));
    let expected = used(&[n, oh, ow, c], element);
    let _ = mbn_ops::stem(&image, &weight, conv, &expected).unwrap();
    let (x, taps) = (device.upload(&image), device.upload(&weight));
    let out = device.tensor(element, &[n, oh, ow, c]);
    let sums = kernels::stem(device, element, shape, x, taps, out).unwrap();
    let found = device.values(element, out);
    check("stem", &found, &expected, element, 27);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, oh, ow, c], element);
    let expected = mbn_ops::stem_backward(above.cpu(), &image, &weight, conv).unwrap();
    let dw = vector(device, 27 * c);
    kernels::stem_backward(device, element, shape, above.upload(device), x, dw).unwrap();
    check(
        "stem: weight",
        &device.floats(dw),
        &expected,
        ElementType::F32,
        n * oh * ow,
    );
}

fn check_pointwise(
    device: &Emulation,
    element: ElementType,
    [n, h, w, cin]: [usize; 4],
    cout: usize,
    seed: u64,
) {
    let rows = n * h * w;
    let (input, weight) = (
        layer(seed, &[n, h, w, cin], element),
        tensor(seed ^ 1, &[cout, cin, 1, 1]),
    );
    let expected = used(&[n, h, w, cout], element);
    let _ = mbn_ops::pointwise(input.activation(), &weight, &expected).unwrap();
    let pointwise = kernels::Pointwise {
        rows,
        cin,
        cout,
        input: activation(device, &input),
        weight: device.upload(&weight),
    };
    let out = device.tensor(element, &[rows, cout]);
    let sums = kernels::pointwise(device, element, pointwise, out).unwrap();
    let found = device.values(element, out);
    check("pointwise", &found, &expected, element, cin);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, h, w, cout], element);
    let expected = used(&[n, h, w, cin], element);
    let (dw, before) =
        mbn_ops::pointwise_backward(above.cpu(), input.activation(), &weight, &expected).unwrap();
    let gradients = kernels::PointwiseGradients {
        input: device.tensor(element, &[rows, cin]),
        parameters: parameters(device, cin),
        weight: vector(device, cin * cout),
    };
    kernels::pointwise_backward(device, element, pointwise, above.upload(device), gradients).unwrap();
    check(
        "pointwise: input",
        &device.values(element, gradients.input),
        &expected,
        element,
        cout,
    );
    check(
        "pointwise: weight",
        &device.floats(gradients.weight),
        &dw,
        element,
        rows,
    );
    check_parameters(
        "pointwise",
        device,
        gradients.parameters,
        &before,
        element,
        rows * cout,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn depthwise_is_the_cpus((n, h, w, conv) in geometry(), c in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        ELEMENT_TYPES.iter().for_each(|element| check_depthwise(&device, *element, [n, h, w, c], conv, seed));
    }

    #[test]
    fn stem_is_the_cpus((n, h, w, conv) in geometry(), c in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        ELEMENT_TYPES.iter().for_each(|element| check_stem(&device, *element, [n, h, w, c], conv, seed));
    }

    #[test]
    fn pointwise_is_the_cpus(n in 1usize..4, h in 1usize..12, w in 1usize..12, cin in channels(), cout in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        ELEMENT_TYPES.iter().for_each(|element| check_pointwise(&device, *element, [n, h, w, cin], cout, seed));
    }
}

/// Larger than a tile in both directions, more tiles than blocks, more channels than a block takes.
#[test]
fn large_layers_are_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    for element in ELEMENT_TYPES {
        let padded_at_the_end = Conv3x3 {
            stride: 2,
            pad_begin: 0,
            pad_end: 1,
        };
        check_depthwise(&device, element, [2, 31, 43, 40], Conv3x3::symmetric(1), 1);
        check_depthwise(&device, element, [2, 33, 45, 72], Conv3x3::symmetric(2), 2);
        check_depthwise(&device, element, [3, 30, 44, 16], padded_at_the_end, 3);
        check_stem(&device, element, [3, 45, 71, 32], Conv3x3::symmetric(2), 4);
        check_stem(&device, element, [2, 40, 66, 40], padded_at_the_end, 5);
        check_pointwise(&device, element, [2, 20, 25, 64], 24, 6);
    }
}

/// More parts of a sum than a block that adds them has threads along y, 32: each of its threads adds several.
#[test]
fn sums_of_many_parts_are_the_cpus() {
    const THREADS_IN_Y: u32 = 32;
    let Some(device) = Emulation::with_multiprocessors(20) else {
        return;
    };
    for (element, suffix) in ELEMENT_TYPES.into_iter().zip(["f32", "bf16"]) {
        check_depthwise(&device, element, [80, 3, 3, 24], Conv3x3::symmetric(1), 1);
        check_stem(&device, element, [80, 5, 5, 24], Conv3x3::symmetric(2), 2);
        check_pointwise(&device, element, [2, 35, 20, 256], 8, 3);
        let x = noise(4, &[1400, 256], element);
        let sums = kernels::statistics(&device, element, [1400, 256], device.upload(&x)).unwrap();
        check_statistics(&device, sums, &values(&x), 5);
        for kernel in [
            "depthwise_s1",
            "depthwise_backward_s1",
            "stem",
            "stem_backward",
            "pass",
            "statistics",
        ] {
            let blocks = device.most_blocks(&format!("{kernel}_{suffix}"));
            assert!(blocks > THREADS_IN_Y, "{kernel}_{suffix}: {blocks} blocks");
        }
    }
}

/// Two runs give the same bits, although the threads run in another order, as on a device.
#[test]
fn sums_have_one_order() {
    let Some(device) = Emulation::new() else { return };
    let element = ElementType::Bf16;
    let shape = ConvShape::new([2, 20, 20, 24], Conv3x3::symmetric(1)).unwrap();
    let (input, above) = (
        layer(1, &[2, 20, 20, 24], element),
        Above::new(2, &[2, 20, 20, 24], element),
    );
    let (x, taps, upstream) = (
        activation(&device, &input),
        device.upload(&tensor(3, &[24, 9])),
        above.upload(&device),
    );
    let run = || {
        let out = kernels::DepthwiseGradients {
            input: device.tensor(element, &[2, 20, 20, 24]),
            parameters: parameters(&device, 24),
            weight: vector(&device, 9 * 24),
        };
        kernels::depthwise_backward(&device, element, shape, upstream, x, taps, out).unwrap();
        [out.weight, out.parameters.gamma, out.parameters.beta].map(|pointer| device.floats(pointer))
    };
    assert_eq!(run(), run());
}

/// A mean far from zero must not swallow the variance.
#[test]
fn statistics_survive_a_large_mean() {
    let Some(device) = Emulation::new() else { return };
    let x = noise(1, &[500, 8], ElementType::F32).affine(1.0, 1000.0).unwrap();
    let sums = kernels::statistics(&device, ElementType::F32, [500, 8], device.upload(&x)).unwrap();
    check_statistics(&device, sums, &values(&x), 2);
}
