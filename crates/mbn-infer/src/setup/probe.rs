//! Test pictures, whose outputs show what the values of a model are. They depend on nothing that a run classifies, so neither
//! does what is found.

use std::sync::Arc;

use anyhow::{Context, Result};
use mbn_engine::images::{Images, Picture, PixelBuffer, PixelType};
use mbn_engine::lanes::Lanes;
use mbn_spec::Preprocess;

use crate::hints;

/// Number of test pictures.
const PICTURES: usize = DARKEST.len();
/// The lowest values of each picture's channels: a dark one, a light one, and two with a tint.
const DARKEST: [[u8; 3]; 4] = [[0, 0, 0], [128, 128, 128], [128, 0, 64], [0, 128, 32]];
/// Blocks of one colour along each side of a picture.
const BLOCKS: usize = 5;

/// The network's outputs for the test pictures, row-major `[PICTURES, values]`. `batch`: images that an engine takes at once.
///
/// # Errors
/// The engine fails.
pub(super) fn outputs(lanes: &mut Lanes, preprocess: &Preprocess, batch: usize) -> Result<Vec<f32>> {
    let images = Arc::new(Images::from(pictures(lanes.pixel_type(), preprocess)));
    let image_len = lanes.pixel_type().image_len(preprocess.size);
    let mut outputs = Vec::new();
    for start in (0..PICTURES).step_by(batch.max(1)) {
        let end = PICTURES.min(start + batch.max(1));
        let done = lanes.submit(&images, start * image_len..end * image_len, end - start);
        let found = done
            .wait()
            .logits
            .with_context(|| format!("{} failed", lanes.describe()));
        outputs.extend(hints::with_engine_hint(found)?);
    }
    Ok(outputs)
}

/// Blocks of different colours.
fn pictures(pixel_type: PixelType, preprocess: &Preprocess) -> PixelBuffer {
    let size = preprocess.size;
    let byte = |picture: usize, y: usize, x: usize, channel: usize| {
        let block = (y * BLOCKS / size) * BLOCKS + x * BLOCKS / size;
        let value = (picture * BLOCKS * BLOCKS + block) * 3 + channel;
        // Multiplicative hashing: the upper bits of neighbours differ.
        DARKEST[picture][channel] + ((value as u32).wrapping_mul(2_654_435_769) >> 25) as u8
    };
    let bytes = |picture: usize| {
        let pixels = (0..size).flat_map(move |y| (0..size).map(move |x| (y, x)));
        pixels.flat_map(move |(y, x)| (0..3).map(move |channel| byte(picture, y, x, channel)))
    };
    match pixel_type {
        PixelType::Uint8 => PixelBuffer::Uint8((0..PICTURES).flat_map(bytes).collect()),
        PixelType::Pictures => {
            let whole = |picture| Picture {
                height: size,
                width: size,
                bytes: bytes(picture).collect(),
            };
            PixelBuffer::Pictures((0..PICTURES).map(whole).collect())
        }
        PixelType::Float => {
            let mut values = Vec::with_capacity(PICTURES * pixel_type.image_len(size));
            for (picture, channel) in (0..PICTURES).flat_map(|picture| (0..3).map(move |c| (picture, c))) {
                let (mean, std) = (preprocess.mean[channel], preprocess.std[channel]);
                let plane = bytes(picture).skip(channel).step_by(3);
                values.extend(plane.map(|byte| (f32::from(byte) / 255.0 - mean) / std));
            }
            PixelBuffer::Float(values)
        }
    }
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
        let PixelBuffer::Uint8(bytes) = pictures(PixelType::Uint8, &preprocess) else {
            panic!("expected bytes");
        };
        let PixelBuffer::Float(floats) = pictures(PixelType::Float, &preprocess) else {
            panic!("expected floats");
        };
        assert_eq!((bytes.len(), floats.len()), (PICTURES * 147, PICTURES * 147));
        for (i, &found) in floats.iter().enumerate() {
            let (picture, channel, pixel) = (i / 147, i / 49 % 3, i % 49);
            let byte = f32::from(bytes[picture * 147 + 3 * pixel + channel]);
            let expected = (byte / 255.0 - preprocess.mean[channel]) / preprocess.std[channel];
            assert!((found - expected).abs() < 1e-6, "{i}: {found} {expected}");
        }
        assert!(bytes[..147] != bytes[147..294]);
    }
}
