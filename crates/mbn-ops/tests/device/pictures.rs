//! What comes before the convolutions: pictures to the network's input.

use candle_core::Device;
use mbn_data::{Batch, Crop};
use mbn_testing::Tolerance;

use super::comparison::Found;
use crate::common::pictures;

/// More batches than an uploader holds at a time. They differ in the number and sizes of their pictures.
const BATCHES: u64 = 7;

/// The network's input of `n` pictures with filters of noise: on the CPU by its definition.
pub fn pictures(n: usize, side: usize, size: usize, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let batch = |number: u64| -> Vec<Crop> {
            let n = if number + 1 == BATCHES {
                n
            } else {
                n.min(1 + number as usize)
            };
            (0..n as u64)
                .map(|i| pictures::random(seed + 1000 * number + i, side, size))
                .collect()
        };
        let batches: Vec<Vec<Crop>> = (0..BATCHES).map(batch).collect();
        let input = match device {
            Device::Cpu => batches.iter().flatten().flat_map(pictures::naive_input).collect(),
            #[cfg(feature = "cuda")]
            device => uploaded(device, &batches, size),
            #[cfg(not(feature = "cuda"))]
            _ => panic!("no such device in this build"),
        };
        vec![Found::within("input", input, Tolerance::CLOSE)]
    }
}

/// Batches of the loader: on the CPU as it makes them.
pub fn loaded(size: usize) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let batches: Vec<[Batch; 2]> = (0..BATCHES).map(|seed| pictures::loaded(size, seed)).collect();
        let input = match device {
            Device::Cpu => batches
                .into_iter()
                .flat_map(|[images, _]| images.images)
                .collect(),
            #[cfg(feature = "cuda")]
            device => {
                let crops = batches.into_iter().filter_map(|[_, crops]| crops.crops);
                uploaded(device, &crops.collect::<Vec<_>>(), size)
            }
            #[cfg(not(feature = "cuda"))]
            _ => panic!("no such device in this build"),
        };
        vec![Found::within("input", input, Tolerance::CLOSE)]
    }
}

/// The inputs of all batches, which are read after the last one was uploaded.
#[cfg(feature = "cuda")]
fn uploaded(device: &Device, batches: &[Vec<Crop>], size: usize) -> Vec<f32> {
    let mut uploader = mbn_ops::Uploader::new(device).unwrap();
    let label = |number: usize, i: usize| (number * 100 + i) as u32;
    let upload = |(number, crops): (usize, &Vec<Crop>)| {
        let pictures: Vec<_> = crops.iter().map(picture).collect();
        let labels: Vec<u32> = (0..crops.len()).map(|i| label(number, i)).collect();
        let (mean, std) = (pictures::MEAN, pictures::STD);
        let (input, on_device) = uploader.upload(&pictures, &labels, size, mean, std).unwrap();
        (input, on_device, labels)
    };
    let uploaded: Vec<_> = batches.iter().enumerate().map(upload).collect();
    let read = |(input, on_device, labels): (candle_core::Tensor, candle_core::Tensor, Vec<u32>)| {
        assert_eq!(on_device.to_vec1::<u32>().unwrap(), labels);
        crate::common::values(&input)
    };
    uploaded.into_iter().flat_map(read).collect()
}

#[cfg(feature = "cuda")]
fn picture(crop: &Crop) -> mbn_ops::Picture<'_> {
    fn filter(of: &mbn_data::Filter) -> mbn_ops::Filter<'_> {
        mbn_ops::Filter {
            taps: of.taps,
            shift: of.shift,
            starts: &of.starts,
            weights: &of.weights,
        }
    }
    mbn_ops::Picture {
        pixels: &crop.pixels,
        height: crop.height,
        width: crop.width,
        rows: filter(&crop.rows),
        columns: filter(&crop.columns),
        is_mirrored: crop.is_mirrored,
    }
}
