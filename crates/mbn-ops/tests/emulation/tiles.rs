//! Every variant of the 3x3 convolutions, for tiles whose size the compiler knows and for all others.

use super::convolutions::{check_depthwise, check_stem};
use super::stream::Emulation;
use super::support::{ELEMENT_TYPES, check, dtype, noise, used};
use crate::common::tensor;
use mbn_ops::kernels::{self, ConvShape, ElementType};
use mbn_ops::{Conv3x3, FusedConv};

const AT_THE_END: Conv3x3 = Conv3x3 {
    stride: 2,
    pad_begin: 0,
    pad_end: 1,
};

/// Images, height, width, channels and geometry. Whole tiles, tiles that the edge cuts by a row or a column, sizes that
/// no known tile suits, channels that do not fill a block, and too few channels for the known tiles.
fn shapes() -> [([usize; 4], Conv3x3); 16] {
    let (one, two) = (Conv3x3::symmetric(1), Conv3x3::symmetric(2));
    [
        ([3, 14, 14, 32], one),
        ([2, 27, 13, 40], one),
        ([1, 28, 29, 64], one),
        ([3, 7, 7, 64], one),
        ([2, 6, 20, 24], one),
        ([1, 13, 6, 40], one),
        ([2, 9, 16, 32], one),
        ([2, 14, 14, 16], one),
        ([2, 14, 14, 33], one),
        ([2, 14, 14, 32], two),
        ([2, 27, 13, 40], two),
        ([1, 31, 29, 32], two),
        ([2, 17, 9, 32], two),
        ([2, 14, 28, 32], AT_THE_END),
        ([2, 13, 15, 8], AT_THE_END),
        ([1, 13, 15, 35], two),
    ]
}

#[test]
fn every_tile_of_a_depthwise_convolution_is_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    for element in ELEMENT_TYPES {
        for (seed, (shape, conv)) in (1..).zip(shapes()) {
            check_depthwise(&device, element, shape, conv, seed);
        }
    }
    let sizes = [
        ("depthwise_s1", ["_14x14", "_7x7", ""].as_slice()),
        ("depthwise_s2", &["_7x7", ""]),
        ("depthwise_backward_s1", &["_7x7", ""]),
        ("depthwise_backward_s2", &["_8x8", ""]),
    ];
    let mut expected = vec![
        "depthwise_backward_s1_14x14_bf16".to_owned(),
        "depthwise_backward_s1_7x14_f32".to_owned(),
    ];
    for element in ["f32", "bf16"] {
        for (kernel, sizes) in sizes {
            expected.extend(sizes.iter().map(|size| format!("{kernel}{size}_{element}")));
            expected.push(format!("{kernel}_{element}_narrow"));
        }
    }
    check_launched(&device, "depthwise", expected);
}

#[test]
fn every_tile_of_a_fused_depthwise_convolution_is_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    for (seed, ([n, h, w, c], conv)) in (1..).zip(shapes()) {
        let shape = ConvShape::new([n, h, w, c], conv).unwrap();
        let (oh, ow) = shape.out_size();
        let fused = |shape: &[usize], max| FusedConv {
            weight: tensor(seed ^ 2, shape),
            bias: tensor(seed ^ 3, &shape[..1]),
            max,
        };
        let depthwise = fused(&[c, 1, 3, 3], 0.7);
        let x = noise(seed, &[n, h, w, c], ElementType::Bf16);
        let expected = used(&[n, oh, ow, c], ElementType::F32);
        // The identity after it.
        let identity = FusedConv {
            weight: candle_core::Tensor::eye(c, dtype(ElementType::F32), &candle_core::Device::Cpu)
                .and_then(|eye| eye.reshape((c, c, 1, 1)))
                .unwrap(),
            bias: tensor(0, &[c]).zeros_like().unwrap(),
            max: f32::INFINITY,
        };
        let float = x.to_dtype(dtype(ElementType::F32)).unwrap();
        mbn_ops::separable_fused(&float, &depthwise, conv, &identity.into(), &expected).unwrap();
        let weights = [device.upload(&depthwise.weight), device.upload(&depthwise.bias)];
        for element in ELEMENT_TYPES {
            let x = device.upload(&x.to_dtype(dtype(element)).unwrap());
            let out = device.tensor(element, &[n, oh, ow, c]);
            kernels::depthwise_fused(&device, element, shape, x, weights, depthwise.max, out).unwrap();
            check("fused", &device.values(element, out), &expected, element, 9);
        }
    }
    let sizes = ["s1_14x14", "s1_7x7", "s1", "s2_7x7", "s2"];
    let mut expected = Vec::new();
    for element in ["f32", "bf16"] {
        expected.extend(sizes.map(|size| format!("depthwise_fused_{size}_{element}")));
        expected.extend(["s1", "s2"].map(|stride| format!("depthwise_fused_{stride}_{element}_narrow")));
    }
    check_launched(&device, "depthwise", expected);
}

#[test]
fn every_tile_of_the_stem_is_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    let (one, two) = (Conv3x3::symmetric(1), Conv3x3::symmetric(2));
    let shapes = [
        ([2, 32, 64, 32], two),
        ([1, 31, 61, 40], two),
        ([1, 33, 32, 8], AT_THE_END),
        ([2, 9, 35, 16], two),
        ([2, 8, 16, 16], one),
        ([1, 32, 32, 9], two),
    ];
    for element in ELEMENT_TYPES {
        for (seed, (shape, conv)) in (1..).zip(shapes) {
            check_stem(&device, element, shape, conv, seed);
        }
    }
    let mut expected = Vec::new();
    for element in ["f32", "bf16"] {
        for kernel in ["stem", "stem_backward"] {
            expected.extend(["_s2_8x16", ""].map(|size| format!("{kernel}{size}_{element}")));
            expected.push(format!("{kernel}_{element}_narrow"));
        }
    }
    check_launched(&device, "stem", expected);
}

/// The kernels whose names start with `prefix` are the expected ones: no variant was left out.
fn check_launched(device: &Emulation, prefix: &str, mut expected: Vec<String>) {
    let launched: Vec<String> = (device.launched().into_iter())
        .filter(|kernel| kernel.starts_with(prefix))
        .map(str::to_owned)
        .collect();
    expected.sort();
    assert_eq!(launched, expected);
}
