//! The folded network's layers.

use proptest::prelude::*;

use super::common::{geometry, noise as noise_values, tensor, values};
use super::emulation::Emulation;
use super::support::{FORMATS, check, dtype, noise, used};
use crate::gpu::{self, Format, Shape};
use crate::{FusedConv, separable_fused, stem_fused};

fn fused(seed: u64, shape: &[usize], max: f32) -> FusedConv {
    FusedConv {
        weight: tensor(seed, shape),
        bias: tensor(seed ^ 1, &shape[..1]),
        max,
    }
}

/// Where values are no numbers.
fn nan(values: &[f32]) -> Vec<bool> {
    values.iter().map(|value| value.is_nan()).collect()
}

/// What is no number stays so on the device where it does on the CPU, whose own tests say where.
#[test]
fn nan_is_not_taken_for_inactive() {
    let Some(device) = Emulation::new() else { return };
    let ([n, h, w, c, cout], conv) = ([2, 5, 4, 24, 16], crate::Conv3x3::symmetric(1));
    let shape = Shape::new([n, h, w, c], conv).unwrap();
    // Inside: at the edge the CPU may multiply it by the zero of a padding that is elsewhere.
    let pixel = 2 * w + 1;
    let with_nan = |seed: u64, shape: &[usize], at: usize| {
        let mut values = noise_values(seed, shape.iter().product());
        values[at] = f32::NAN;
        candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
    };
    let weights = |fused: &FusedConv| [device.upload(&fused.weight), device.upload(&fused.bias)];
    let (image, stem) = (with_nan(1, &[n, 3, h, w], pixel), fused(2, &[c, 3, 3, 3], 6.0));
    let first = used(&[n, h, w, c], Format::F32);
    stem_fused(&image, &stem, conv, &first).unwrap();
    let x = with_nan(3, &[n, h, w, c], pixel * c + 7);
    let (depthwise, pointwise) = (fused(4, &[c, 1, 3, 3], 0.7), fused(5, &[cout, c, 1, 1], 6.0));
    let last = used(&[n, h, w, cout], Format::F32);
    separable_fused(&x, &depthwise, conv, &pointwise.clone().into(), &last).unwrap();
    for format in FORMATS {
        let (out, between) = (
            device.tensor(format, &[n, h, w, c]),
            device.tensor(format, &[n, h, w, c]),
        );
        let image = device.upload(&image);
        gpu::stem_fused(&device, format, shape, image, weights(&stem), stem.max, out).unwrap();
        assert_eq!(
            nan(&device.values(format, out)),
            nan(&values(&first)),
            "stem, {format:?}"
        );
        let x = device.upload(&x.to_dtype(dtype(format)).unwrap());
        gpu::depthwise_fused(
            &device,
            format,
            shape,
            x,
            weights(&depthwise),
            depthwise.max,
            between,
        )
        .unwrap();
        let out = device.tensor(format, &[n, h, w, cout]);
        let sizes = [n * h * w, c, cout];
        gpu::pointwise_fused(
            &device,
            format,
            sizes,
            between,
            weights(&pointwise),
            pointwise.max,
            out,
        )
        .unwrap();
        assert_eq!(
            nan(&device.values(format, out)),
            nan(&values(&last)),
            "separable, {format:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn fused_layers_are_the_cpus((n, h, w, conv) in geometry(), c in prop_oneof![1usize..40, Just(16usize), Just(72)], cout in 1usize..24, seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        let shape = Shape::new([n, h, w, c], conv).unwrap();
        let (oh, ow) = shape.out_size();
        let weights = |fused: &FusedConv| [device.upload(&fused.weight), device.upload(&fused.bias)];
        let (image, stem) = (tensor(seed, &[n, 3, h, w]), fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY));
        let expected = used(&[n, oh, ow, c], Format::F32);
        stem_fused(&image, &stem, conv, &expected).unwrap();
        for format in FORMATS {
            let out = device.tensor(format, &[n, oh, ow, c]);
            gpu::stem_fused(&device, format, shape, device.upload(&image), weights(&stem), stem.max, out).unwrap();
            check("stem", &device.values(format, out), &expected, format, 27);
        }

        let x = noise(seed ^ 4, &[n, h, w, c], Format::Bf16);
        let (first, second) = (fused(seed ^ 6, &[c, 1, 3, 3], 0.7), fused(seed ^ 8, &[cout, c, 1, 1], 6.0));
        let expected = used(&[n, oh, ow, cout], Format::F32);
        separable_fused(&x.to_dtype(dtype(Format::F32)).unwrap(), &first, conv, &second.clone().into(), &expected).unwrap();
        for format in FORMATS {
            let x = device.upload(&x.to_dtype(dtype(format)).unwrap());
            let (between, out) = (device.tensor(format, &[n, oh, ow, c]), device.tensor(format, &[n, oh, ow, cout]));
            gpu::depthwise_fused(&device, format, shape, x, weights(&first), first.max, between).unwrap();
            gpu::pointwise_fused(&device, format, [n * oh * ow, c, cout], between, weights(&second), second.max, out).unwrap();
            check("separable", &device.values(format, out), &expected, format, c);
        }
    }
}
