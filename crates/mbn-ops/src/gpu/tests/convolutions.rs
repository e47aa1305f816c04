//! The convolutions, forward and backward.

use proptest::prelude::*;

use super::common::{geometry, tensor, values};
use super::emulation::Emulation;
use super::support::{
    Above, FORMATS, activation, check, check_parameters, check_statistics, layer, noise, parameters,
};
use super::support::{used, vector};
use crate::Conv3x3;
use crate::gpu::{self, Format, Shape};

/// Number of shapes; each is run in both formats.
const CASES: u32 = 24;

/// Odd numbers of channels, loaded one by one, and those of the network, loaded 16 bytes at once.
fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..40, (1usize..10).prop_map(|c| 8 * c)]
}

fn check_depthwise(device: &Emulation, format: Format, [n, h, w, c]: [usize; 4], conv: Conv3x3, seed: u64) {
    let shape = Shape::new([n, h, w, c], conv).unwrap();
    let (oh, ow) = shape.out_size();
    let (input, weight) = (
        layer(seed, &[n, h, w, c], format),
        tensor(seed ^ 1, &[c, 1, 3, 3]),
    );
    let expected = used(&[n, oh, ow, c], format);
    let _ = crate::depthwise(input.activation(), &weight, conv, &expected).unwrap();
    let (x, taps) = (activation(device, &input), device.upload(&weight));
    let out = device.tensor(format, &[n, oh, ow, c]);
    let sums = gpu::depthwise(device, format, shape, x, taps, out).unwrap();
    let found = device.values(format, out);
    check("depthwise", &found, &expected, format, 9);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, oh, ow, c], format);
    let expected = used(&[n, h, w, c], format);
    let (dw, before) =
        crate::depthwise_backward(above.cpu(), input.activation(), &weight, conv, &expected).unwrap();
    let gradients = gpu::DepthwiseGradients {
        input: device.tensor(format, &[n, h, w, c]),
        parameters: parameters(device, c),
        weight: vector(device, 9 * c),
    };
    gpu::depthwise_backward(device, format, shape, above.upload(device), x, taps, gradients).unwrap();
    check(
        "depthwise: input",
        &device.values(format, gradients.input),
        &expected,
        format,
        9,
    );
    // Both sum in float32, whatever the format.
    let f32 = Format::F32;
    check(
        "depthwise: weight",
        &device.floats(gradients.weight),
        &dw,
        f32,
        n * oh * ow,
    );
    check_parameters("depthwise", device, gradients.parameters, &before, f32, n * h * w);
}

fn check_stem(device: &Emulation, format: Format, [n, h, w, c]: [usize; 4], conv: Conv3x3, seed: u64) {
    let shape = Shape::new([n, h, w, c], conv).unwrap();
    let (oh, ow) = shape.out_size();
    let (image, weight) = (tensor(seed, &[n, 3, h, w]), tensor(seed ^ 1, &[c, 3, 3, 3]));
    let expected = used(&[n, oh, ow, c], format);
    let _ = crate::stem(&image, &weight, conv, &expected).unwrap();
    let (x, taps) = (device.upload(&image), device.upload(&weight));
    let out = device.tensor(format, &[n, oh, ow, c]);
    let sums = gpu::stem(device, format, shape, x, taps, out).unwrap();
    let found = device.values(format, out);
    check("stem", &found, &expected, format, 27);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, oh, ow, c], format);
    let expected = crate::stem_backward(above.cpu(), &image, &weight, conv).unwrap();
    let dw = vector(device, 27 * c);
    gpu::stem_backward(device, format, shape, above.upload(device), x, dw).unwrap();
    check(
        "stem: weight",
        &device.floats(dw),
        &expected,
        Format::F32,
        n * oh * ow,
    );
}

fn check_pointwise(device: &Emulation, format: Format, [n, h, w, cin]: [usize; 4], cout: usize, seed: u64) {
    let rows = n * h * w;
    let (input, weight) = (
        layer(seed, &[n, h, w, cin], format),
        tensor(seed ^ 1, &[cout, cin, 1, 1]),
    );
    let expected = used(&[n, h, w, cout], format);
    let _ = crate::pointwise(input.activation(), &weight, &expected).unwrap();
    let pointwise = gpu::Pointwise {
        rows,
        cin,
        cout,
        input: activation(device, &input),
        weight: device.upload(&weight),
    };
    let out = device.tensor(format, &[rows, cout]);
    let sums = gpu::pointwise(device, format, pointwise, out).unwrap();
    let found = device.values(format, out);
    check("pointwise", &found, &expected, format, cin);
    check_statistics(device, sums, &found, seed);

    let above = Above::new(seed ^ 5, &[n, h, w, cout], format);
    let expected = used(&[n, h, w, cin], format);
    let (dw, before) =
        crate::pointwise_backward(above.cpu(), input.activation(), &weight, &expected).unwrap();
    let gradients = gpu::PointwiseGradients {
        input: device.tensor(format, &[rows, cin]),
        parameters: parameters(device, cin),
        weight: vector(device, cin * cout),
    };
    gpu::pointwise_backward(device, format, pointwise, above.upload(device), gradients).unwrap();
    check(
        "pointwise: input",
        &device.values(format, gradients.input),
        &expected,
        format,
        cout,
    );
    check(
        "pointwise: weight",
        &device.floats(gradients.weight),
        &dw,
        format,
        rows,
    );
    check_parameters(
        "pointwise",
        device,
        gradients.parameters,
        &before,
        format,
        rows * cout,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn depthwise_is_the_cpus((n, h, w, conv) in geometry(), c in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        FORMATS.iter().for_each(|format| check_depthwise(&device, *format, [n, h, w, c], conv, seed));
    }

    #[test]
    fn stem_is_the_cpus((n, h, w, conv) in geometry(), c in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        FORMATS.iter().for_each(|format| check_stem(&device, *format, [n, h, w, c], conv, seed));
    }

    #[test]
    fn pointwise_is_the_cpus(n in 1usize..4, h in 1usize..12, w in 1usize..12, cin in channels(), cout in channels(), seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        FORMATS.iter().for_each(|format| check_pointwise(&device, *format, [n, h, w, cin], cout, seed));
    }
}

/// Larger than a tile in both directions, more tiles than blocks, more channels than a block takes.
#[test]
fn large_layers_are_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    for format in FORMATS {
        let padded_at_the_end = Conv3x3 {
            stride: 2,
            pad_begin: 0,
            pad_end: 1,
        };
        check_depthwise(&device, format, [2, 31, 43, 40], Conv3x3::symmetric(1), 1);
        check_depthwise(&device, format, [2, 33, 45, 72], Conv3x3::symmetric(2), 2);
        check_depthwise(&device, format, [3, 30, 44, 16], padded_at_the_end, 3);
        check_stem(&device, format, [3, 45, 71, 32], Conv3x3::symmetric(2), 4);
        check_stem(&device, format, [2, 40, 66, 40], padded_at_the_end, 5);
        check_pointwise(&device, format, [2, 20, 25, 64], 24, 6);
    }
}

/// Two runs with the threads in other orders, as those of a device are, give the same bits.
#[test]
fn sums_have_one_order() {
    let Some(device) = Emulation::new() else { return };
    let format = Format::Bf16;
    let shape = Shape::new([2, 20, 20, 24], Conv3x3::symmetric(1)).unwrap();
    let (input, above) = (
        layer(1, &[2, 20, 20, 24], format),
        Above::new(2, &[2, 20, 20, 24], format),
    );
    let (x, taps, upstream) = (
        activation(&device, &input),
        device.upload(&tensor(3, &[24, 9])),
        above.upload(&device),
    );
    let run = || {
        let out = gpu::DepthwiseGradients {
            input: device.tensor(format, &[2, 20, 20, 24]),
            parameters: parameters(&device, 24),
            weight: vector(&device, 9 * 24),
        };
        gpu::depthwise_backward(&device, format, shape, upstream, x, taps, out).unwrap();
        [out.weight, out.parameters.gamma, out.parameters.beta].map(|pointer| device.floats(pointer))
    };
    assert_eq!(run(), run());
}

/// A mean far from zero must not swallow the variance.
#[test]
fn statistics_survive_a_large_mean() {
    let Some(device) = Emulation::new() else { return };
    let x = noise(1, &[500, 8], Format::F32).affine(1.0, 1000.0).unwrap();
    let sums = crate::gpu::columns::statistics(&device, Format::F32, [500, 8], device.upload(&x)).unwrap();
    check_statistics(&device, sums, &values(&x), 2);
}
