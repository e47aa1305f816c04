//! The folded network's layers.

use proptest::prelude::*;

use super::stream::Emulation;
use super::support::{ELEMENT_TYPES, check, dtype, noise, used};
use crate::common::{geometry, noise as noise_values, tensor, values};
use mbn_ops::kernels::{self, ConvShape, ElementType};
use mbn_ops::{FusedConv, separable_fused, stem_fused};

fn fused(seed: u64, shape: &[usize], max: f32) -> FusedConv {
    FusedConv {
        weight: tensor(seed, shape),
        bias: tensor(seed ^ 1, &shape[..1]),
        max,
    }
}

/// Which values are NaN.
fn nan(values: &[f32]) -> Vec<bool> {
    values.iter().map(|value| value.is_nan()).collect()
}

/// NaN reaches the same results on the device as on the CPU, whose own tests say which.
#[test]
fn nan_is_not_taken_for_inactive() {
    let Some(device) = Emulation::new() else { return };
    let ([n, h, w, c, cout], conv) = ([2, 5, 4, 24, 16], mbn_ops::Conv3x3::symmetric(1));
    let shape = ConvShape::new([n, h, w, c], conv).unwrap();
    // Inside: at the edge the CPU may multiply it by the zero of a padding that is elsewhere.
    let pixel = 2 * w + 1;
    let with_nan = |seed: u64, shape: &[usize], at: usize| {
        let mut values = noise_values(seed, shape.iter().product());
        values[at] = f32::NAN;
        candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
    };
    let weights = |fused: &FusedConv| [device.upload(&fused.weight), device.upload(&fused.bias)];
    let (image, stem) = (with_nan(1, &[n, 3, h, w], pixel), fused(2, &[c, 3, 3, 3], 6.0));
    let first = used(&[n, h, w, c], ElementType::F32);
    stem_fused(&image, &stem, conv, &first).unwrap();
    let x = with_nan(3, &[n, h, w, c], pixel * c + 7);
    let (depthwise, pointwise) = (fused(4, &[c, 1, 3, 3], 0.7), fused(5, &[cout, c, 1, 1], 6.0));
    let last = used(&[n, h, w, cout], ElementType::F32);
    separable_fused(&x, &depthwise, conv, &pointwise.clone().into(), &last).unwrap();
    for element in ELEMENT_TYPES {
        let (out, between) = (
            device.tensor(element, &[n, h, w, c]),
            device.tensor(element, &[n, h, w, c]),
        );
        let image = device.upload(&image);
        kernels::stem_fused(&device, element, shape, image, weights(&stem), stem.max, out).unwrap();
        assert_eq!(
            nan(&device.values(element, out)),
            nan(&values(&first)),
            "stem, {element:?}"
        );
        let x = device.upload(&x.to_dtype(dtype(element)).unwrap());
        kernels::depthwise_fused(
            &device,
            element,
            shape,
            x,
            weights(&depthwise),
            depthwise.max,
            between,
        )
        .unwrap();
        let out = device.tensor(element, &[n, h, w, cout]);
        let sizes = [n * h * w, c, cout];
        kernels::pointwise_fused(
            &device,
            element,
            sizes,
            between,
            weights(&pointwise),
            pointwise.max,
            out,
        )
        .unwrap();
        assert_eq!(
            nan(&device.values(element, out)),
            nan(&values(&last)),
            "separable, {element:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn fused_layers_are_the_cpus((n, h, w, conv) in geometry(), c in prop_oneof![1usize..40, Just(16usize), Just(72)], cout in 1usize..24, seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        let shape = ConvShape::new([n, h, w, c], conv).unwrap();
        let (oh, ow) = shape.out_size();
        let weights = |fused: &FusedConv| [device.upload(&fused.weight), device.upload(&fused.bias)];
        let (image, stem) = (tensor(seed, &[n, 3, h, w]), fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY));
        let expected = used(&[n, oh, ow, c], ElementType::F32);
        stem_fused(&image, &stem, conv, &expected).unwrap();
        for element in ELEMENT_TYPES {
            let out = device.tensor(element, &[n, oh, ow, c]);
            kernels::stem_fused(&device, element, shape, device.upload(&image), weights(&stem), stem.max, out).unwrap();
            check("stem", &device.values(element, out), &expected, element, 27);
        }

        let x = noise(seed ^ 4, &[n, h, w, c], ElementType::Bf16);
        let (first, second) = (fused(seed ^ 6, &[c, 1, 3, 3], 0.7), fused(seed ^ 8, &[cout, c, 1, 1], 6.0));
        let expected = used(&[n, oh, ow, cout], ElementType::F32);
        separable_fused(&x.to_dtype(dtype(ElementType::F32)).unwrap(), &first, conv, &second.clone().into(), &expected).unwrap();
        for element in ELEMENT_TYPES {
            let x = device.upload(&x.to_dtype(dtype(element)).unwrap());
            let (between, out) = (device.tensor(element, &[n, oh, ow, c]), device.tensor(element, &[n, oh, ow, cout]));
            kernels::depthwise_fused(&device, element, shape, x, weights(&first), first.max, between).unwrap();
            kernels::pointwise_fused(&device, element, [n * oh * ow, c, cout], between, weights(&second), second.max, out).unwrap();
            check("separable", &device.values(element, out), &expected, element, c);
        }
    }
}
