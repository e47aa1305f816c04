//! Test pictures, whose outputs show what the values of a model are. They depend on nothing that a run classifies, so neither
//! does what is found.

use std::sync::Arc;

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use mbn_data::Normalizer;
use mbn_engine::images::{Images, Picture, PixelBuffer, PixelType};
use mbn_spec::Preprocess;

use super::loaded::Loaded;
use crate::hints::{self, Fed};

/// The test pictures.
const ALL: [usize; DARKEST.len()] = [0, 1, 2, 3];
/// The lowest values of each picture's channels: a dark one, a light one, and two with a tint.
const DARKEST: [[u8; 3]; 4] = [[0, 0, 0], [128, 128, 128], [128, 0, 64], [0, 128, 32]];
/// Blocks of one colour along each side of a picture.
const BLOCKS: usize = 5;

/// The network's outputs for the test pictures, row-major `[pictures, values]`.
///
/// # Errors
/// The engine fails.
pub(super) fn outputs(loaded: &mut Loaded, preprocess: &Preprocess) -> Result<Vec<f32>> {
    outputs_of(&ALL, loaded, preprocess, loaded.batch)
}

/// The same for some of the test pictures, in this order. `batch`: images that the engine takes at once.
///
/// # Errors
/// The engine fails.
pub(super) fn outputs_of(
    numbers: &[usize],
    loaded: &mut Loaded,
    preprocess: &Preprocess,
    batch: usize,
) -> Result<Vec<f32>> {
    let open_size = loaded.open_size(preprocess);
    let lanes = &mut loaded.lanes;
    let count = numbers.len();
    let images = Arc::new(Images::from(pictures(numbers, lanes.pixel_type(), preprocess)));
    let image_len = lanes.pixel_type().image_len(preprocess.size);
    let mut outputs = Vec::new();
    for start in (0..count).step_by(batch.max(1)) {
        let end = count.min(start + batch.max(1));
        let (batch, range) = (end - start, start * image_len..end * image_len);
        let done = lanes.submit(&images, range, batch);
        let found = done
            .wait()
            .logits
            .with_context(|| format!("{} failed", lanes.describe()));
        outputs.extend(hints::with_engine_hint(found, Fed { batch, open_size })?);
    }
    Ok(outputs)
}

/// Some of the test pictures as an input of this kind.
fn pictures(numbers: &[usize], pixel_type: PixelType, preprocess: &Preprocess) -> PixelBuffer {
    let size = preprocess.size;
    let all = numbers.iter().map(|&number| picture(number, size));
    match pixel_type {
        PixelType::Uint8 => PixelBuffer::Uint8(all.flat_map(RgbImage::into_raw).collect()),
        PixelType::Pictures => {
            let whole = |image: RgbImage| Picture {
                height: size,
                width: size,
                bytes: image.into_raw(),
            };
            PixelBuffer::Pictures(all.map(whole).collect())
        }
        PixelType::Float => {
            let (normalizer, len) = (Normalizer::new(preprocess), pixel_type.image_len(size));
            let mut values = vec![0.0; numbers.len() * len];
            for (image, planes) in all.zip(values.chunks_exact_mut(len)) {
                normalizer.apply(&image, planes);
            }
            PixelBuffer::Float(values)
        }
    }
}

/// Blocks of different colours.
fn picture(number: usize, size: usize) -> RgbImage {
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let block = |at: u32| at as usize * BLOCKS / size;
        let first = ((number * BLOCKS + block(y)) * BLOCKS + block(x)) * 3;
        Rgb(std::array::from_fn(|channel| {
            // Multiplicative hashing: the upper bits of neighbours differ.
            let hash = ((first + channel) as u32).wrapping_mul(2_654_435_769);
            DARKEST[number][channel] + (hash >> 25) as u8
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_the_same_pictures() {
        let preprocess = Preprocess {
            size: 7,
            ..Preprocess::default()
        };
        let PixelBuffer::Uint8(bytes) = pictures(&ALL, PixelType::Uint8, &preprocess) else {
            panic!("expected bytes");
        };
        let PixelBuffer::Float(floats) = pictures(&ALL, PixelType::Float, &preprocess) else {
            panic!("expected floats");
        };
        assert_eq!((bytes.len(), floats.len()), (ALL.len() * 147, ALL.len() * 147));
        for (i, &found) in floats.iter().enumerate() {
            let (picture, channel, pixel) = (i / 147, i / 49 % 3, i % 49);
            let byte = f32::from(bytes[picture * 147 + 3 * pixel + channel]);
            let expected = (byte / 255.0 - preprocess.mean[channel]) / preprocess.std[channel];
            assert!((found - expected).abs() < 1e-6, "{i}: {found} {expected}");
        }
        assert!(bytes[..147] != bytes[147..294]);
    }
}
