//! Pictures that a device resizes, and the expected results.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use mbn_data::{Augment, Batch, Crop, DecodeError, Filter, ImageSource, Loader, LoaderConfig, Picture};
use mbn_spec::Preprocess;

use super::noise;

pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// A picture of at most `side` x `side` pixels with filters of noise, which becomes `size` x `size`.
pub fn random(seed: u64, side: usize, size: usize) -> Crop {
    let sides = noise(seed ^ 1, 2);
    let [height, width] = [0, 1].map(|i| 1 + within(sides[i], side));
    Crop {
        pixels: bytes(seed ^ 2, 3 * height * width),
        height,
        width,
        rows: filter(seed ^ 3, height, size),
        columns: filter(seed ^ 4, width, size),
        is_mirrored: seed % 2 == 1,
    }
}

/// At most five taps anywhere on the axis; some weights are negative, and some results leave a byte's range.
fn filter(seed: u64, length: usize, size: usize) -> Filter {
    const SHIFT: u32 = 14;
    let taps = 1 + within(noise(seed, 1)[0], length.min(5));
    let starts = noise(seed ^ 1, size);
    let weights = noise(seed ^ 2, size * taps);
    let weight = |value: &f32| ((value + 0.5) * 1.4 * f32::from(1i16 << SHIFT)) / taps as f32;
    Filter {
        taps,
        shift: SHIFT,
        starts: starts
            .iter()
            .map(|v| within(*v, length - taps + 1) as u32)
            .collect(),
        weights: weights.iter().map(|v| weight(v) as i16).collect(),
    }
}

/// A value of -1 to 1 as a number below `limit`.
fn within(value: f32, limit: usize) -> usize {
    (((value + 1.0) / 2.0 * limit as f32) as usize).min(limit - 1)
}

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let noise = noise(seed, len);
    noise.iter().map(|v| ((v + 1.0) * 127.9) as u8).collect()
}

/// The network's input by the definition of the filters, `[3, size, size]`.
pub fn naive_input(crop: &Crop) -> Vec<f32> {
    let size = crop.rows.starts.len();
    let mut input = Vec::with_capacity(3 * size * size);
    for (c, (y, x)) in (0..3).flat_map(|c| (0..size * size).map(move |i| (c, (i / size, i % size)))) {
        let x = if crop.is_mirrored { size - 1 - x } else { x };
        let byte = filtered(&crop.columns, x, |column| {
            filtered(&crop.rows, y, |row| {
                i32::from(crop.pixels[(row * crop.width + column) * 3 + c])
            })
        });
        input.push((byte as f32 / 255.0 - MEAN[c]) / STD[c]);
    }
    input
}

fn filtered(filter: &Filter, i: usize, pixel: impl Fn(usize) -> i32) -> i32 {
    let taps = (0..filter.taps).map(|j| {
        let weight = i32::from(filter.weights[i * filter.taps + j]);
        weight * pixel(filter.starts[i] as usize + j)
    });
    ((taps.sum::<i32>() + (1 << (filter.shift - 1))) >> filter.shift).clamp(0, 255)
}

/// A training batch of pictures of many sizes, as the CPU makes it, and as it is handed to a device. At small sizes some
/// pictures are so large that they are resized before.
pub fn loaded(size: usize, seed: u64) -> [Batch; 2] {
    let preprocess = Preprocess {
        size,
        mean: MEAN,
        std: STD,
        ..Preprocess::default()
    };
    let source: Arc<dyn ImageSource> = Arc::new(Noise::new());
    let augment = Augment {
        scale: [0.1, 1.0],
        ..Augment::default()
    };
    [false, true].map(|crops| {
        let config = LoaderConfig::training(preprocess, SIDES.len(), seed)
            .with_workers(1)
            .with_crops(crops)
            .with_augment(augment.clone());
        let loader = Loader::new(Arc::clone(&source), config).unwrap();
        loader.epoch(0).next().unwrap().unwrap()
    })
}

/// Width and height of [`Noise`]'s pictures.
const SIDES: [[u32; 2]; 12] = [
    [1, 1],
    [1, 70],
    [70, 1],
    [3, 2],
    [2000, 3],
    [2, 3000],
    [32, 32],
    [75, 60],
    [64, 64],
    [96, 96],
    [224, 224],
    [500, 375],
];

struct Noise {
    classes: Vec<String>,
    path: PathBuf,
}

impl Noise {
    fn new() -> Self {
        Self {
            classes: vec!["noise".to_owned(), "more".to_owned()],
            path: PathBuf::from("noise"),
        }
    }
}

impl ImageSource for Noise {
    fn len(&self) -> usize {
        SIDES.len()
    }
    fn class_names(&self) -> &[String] {
        &self.classes
    }
    fn label(&self, index: usize) -> u32 {
        (index % 2) as u32
    }
    fn path(&self, _: usize) -> &Path {
        &self.path
    }
    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        let [width, height] = SIDES[index];
        let pixels = bytes(index as u64, 3 * (width * height) as usize);
        Ok(RgbImage::from_raw(width, height, pixels).unwrap().into())
    }
}
