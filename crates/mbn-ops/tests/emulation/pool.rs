//! Global average pooling.

use proptest::prelude::*;

use super::stream::Emulation;
use super::support::{ELEMENT_TYPES, activation, check, check_parameters, layer, parameters, used, vector};
use crate::common::tensor;
use mbn_ops::kernels::{self, ElementType};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn pool_is_the_cpus(n in 1usize..4, h in 1usize..9, w in 1usize..9, c in prop_oneof![1usize..40, Just(48usize), Just(520)], seed: u64) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        for element in ELEMENT_TYPES {
            let (layer, gradient) = (layer(seed, &[n, h, w, c], element), tensor(seed ^ 1, &[n, c]));
            let (x, extent, out) = (activation(&device, &layer), [n, h * w, c], vector(&device, n * c));
            kernels::global_average_pool(&device, element, extent, x, out).unwrap();
            let expected = mbn_ops::global_average_pool(layer.activation()).unwrap();
            check("pool", &device.floats(out), &expected, ElementType::F32, 1);

            let expected = used(&[n, h, w, c], element);
            let before = mbn_ops::global_average_pool_backward(&gradient, layer.activation(), &expected).unwrap();
            let (dx, dy, found) = (device.tensor(element, &[n, h, w, c]), device.upload(&gradient), parameters(&device, c));
            kernels::global_average_pool_backward(&device, element, extent, dy, x, dx, found).unwrap();
            check("pool: input", &device.values(element, dx), &expected, element, 1);
            check_parameters("pool", &device, found, &before, ElementType::F32, n * h * w);
        }
        let x = tensor(seed, &[n, h, w, c]);
        let out = vector(&device, n * c);
        kernels::global_average_pool_stored(&device, ElementType::F32, [n, h * w, c], device.upload(&x), out).unwrap();
        check("pool of stored values", &device.floats(out), &mbn_ops::global_average_pool_stored(&x).unwrap(), ElementType::F32, 1);
    }
}
