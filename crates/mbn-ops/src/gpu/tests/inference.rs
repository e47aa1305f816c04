//! The folded network's layers.

use proptest::prelude::*;

use super::common::{geometry, tensor};
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
