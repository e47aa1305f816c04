//! Pictures to the network's input.

use mbn_data::{Crop, Filter};
use mbn_testing::{Tolerance, assert_close};
use proptest::prelude::*;

use super::stream::Emulation;
use crate::common::pictures::{self, MEAN, STD};
use mbn_ops::kernels::{self, ElementType, Images, Packing, Picture};

fn picture(crop: &Crop) -> Picture<'_> {
    fn filter(of: &Filter) -> kernels::Filter<'_> {
        kernels::Filter {
            taps: of.taps,
            shift: of.shift,
            starts: &of.starts,
            weights: &of.weights,
        }
    }
    Picture {
        pixels: &crop.pixels,
        height: crop.height,
        width: crop.width,
        rows: filter(&crop.rows),
        columns: filter(&crop.columns),
        is_mirrored: crop.is_mirrored,
    }
}

/// What the kernel makes of crops.
fn resized(device: &Emulation, crops: &[Crop], size: usize) -> Vec<f32> {
    let pictures: Vec<Picture> = crops.iter().map(picture).collect();
    let packing = Packing::new(&pictures, size).unwrap();
    // Nothing may depend on what the memory held.
    let mut memory = vec![0xff; packing.bytes()];
    packing
        .write(&pictures, &vec![0; crops.len()], &mut memory)
        .unwrap();
    let images = Images {
        memory: device.upload_bytes(&memory),
        packing: &packing,
        mean: MEAN,
        std: STD,
    };
    let out = device.tensor(ElementType::F32, &[crops.len(), 3, size, size]);
    kernels::resize_images(device, images, out).unwrap();
    device.floats(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pictures_are_resized_as_their_filters_say(n in 1usize..4, side in 1usize..40, size in 1usize..24, seed in 0u64..1 << 40) {
        let Some(device) = Emulation::new() else { return Ok(()) };
        let crops: Vec<Crop> = (0..n as u64).map(|i| pictures::random(seed + i, side, size)).collect();
        let expected: Vec<f32> = crops.iter().flat_map(pictures::naive_input).collect();
        assert_close("pictures", &resized(&device, &crops, size), &expected, Tolerance::EXACT);
    }
}

/// To the bit: sums are of whole numbers, and the CPU's resize has the same weights.
#[test]
fn a_batch_is_the_one_that_the_cpu_makes() {
    let Some(device) = Emulation::new() else { return };
    let mut reduced = 0;
    for (size, seed) in [(32, 1), (32, 2), (48, 3), (96, 4)] {
        let [images, crops] = pictures::loaded(size, seed);
        let crops = crops.crops.unwrap();
        reduced += crops
            .iter()
            .filter(|crop| crop.rows.taps + crop.columns.taps > 4)
            .count();
        let found = resized(&device, &crops, size);
        assert_close(
            &format!("{size} x {size}"),
            &found,
            &images.images,
            Tolerance::EXACT,
        );
    }
    assert!(reduced > 4, "{reduced} pictures were reduced by the kernel");
}
