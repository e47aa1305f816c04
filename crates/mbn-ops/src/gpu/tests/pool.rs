//! Global average pooling.

use proptest::prelude::*;

use super::common::tensor;
use super::emulation::Emulation;
use super::support::{FORMATS, activation, check, check_parameters, layer, parameters, used, vector};
use crate::gpu::{self, Format};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn pool_is_the_cpus(n in 1usize..4, h in 1usize..9, w in 1usize..9, c in prop_oneof![1usize..40, Just(48usize), Just(520)], seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        for format in FORMATS {
            let (layer, gradient) = (layer(seed, &[n, h, w, c], format), tensor(seed ^ 1, &[n, c]));
            let (x, extent, out) = (activation(&device, &layer), [n, h * w, c], vector(&device, n * c));
            gpu::global_average_pool(&device, format, extent, x, out).unwrap();
            let expected = crate::global_average_pool(layer.activation()).unwrap();
            check("pool", &device.floats(out), &expected, Format::F32, 1);

            let expected = used(&[n, h, w, c], format);
            let before = crate::global_average_pool_backward(&gradient, layer.activation(), &expected).unwrap();
            let (dx, dy, found) = (device.tensor(format, &[n, h, w, c]), device.upload(&gradient), parameters(&device, c));
            gpu::global_average_pool_backward(&device, format, extent, dy, x, dx, found).unwrap();
            check("pool: input", &device.values(format, dx), &expected, format, 1);
            check_parameters("pool", &device, found, &before, Format::F32, n * h * w);
        }
        let x = tensor(seed, &[n, h, w, c]);
        let out = vector(&device, n * c);
        gpu::global_average_pool_stored(&device, Format::F32, [n, h * w, c], device.upload(&x), out).unwrap();
        check("pool of stored values", &device.floats(out), &crate::global_average_pool_stored(&x).unwrap(), Format::F32, 1);
    }
}
