//! The input and output of an ONNX file, checked once, and pictures in the form that the input takes.

use mbn_spec::{Metadata, Preprocess};
use ort::value::{Outlet, TensorElementType};

use crate::error::EngineError;
use crate::images::MAX_BATCH;

/// Name of the output of files that `mbn-export` writes.
const LOGITS: &str = "logits";

/// What the input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pixel {
    /// Normalised float32.
    Float,
    /// Bytes from 0 to 255, which the graph normalises.
    Byte,
}

/// The input of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub pixel: Pixel,
    /// `[batch, size, size, 3]` instead of `[batch, 3, size, size]`.
    pub channels_last: bool,
    /// Number of images, where the file fixes it.
    pub batch: Option<usize>,
    /// Height and width, where the file fixes them.
    pub size: Option<usize>,
    /// How the pipeline normalised the pictures, undone for an input of bytes.
    preprocess: Preprocess,
}

/// The output of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub name: String,
    pub classes: usize,
}

impl Input {
    pub(super) fn of(inputs: &[Outlet], metadata: &Metadata) -> Result<Self, EngineError> {
        let wrong = || EngineError::Input { found: list(inputs) };
        let [input] = inputs else {
            return Err(wrong());
        };
        let pixel = match input.dtype().tensor_type() {
            Some(TensorElementType::Float32) => Pixel::Float,
            Some(TensorElementType::Uint8) => Pixel::Byte,
            _ => return Err(wrong()),
        };
        let shape = input.dtype().tensor_shape().ok_or_else(wrong)?;
        let (batch, channels_last, height, width) = match **shape {
            [n, 3, h, w] => (n, false, h, w),
            [n, h, w, 3] => (n, true, h, w),
            _ => return Err(wrong()),
        };
        let known = |dim: i64| usize::try_from(dim).ok().filter(|dim| *dim > 0);
        let size = known(height).or(known(width));
        if known(height).zip(known(width)).is_some_and(|(h, w)| h != w) {
            return Err(wrong());
        }
        let batch = known(batch);
        if let Some(batch) = batch
            && batch > MAX_BATCH
        {
            return Err(EngineError::Batch { batch });
        }
        let preprocess = metadata.preprocess.unwrap_or_default();
        if let (Some(stated), Some(input)) = (metadata.preprocess, size)
            && stated.size != input
        {
            return Err(EngineError::Size {
                preprocess: stated.size,
                input,
            });
        }
        Ok(Self {
            name: input.name().to_owned(),
            pixel,
            channels_last,
            batch,
            size,
            preprocess,
        })
    }

    /// Values of one picture, if `len` values can be `n` square pictures of the size that the file takes.
    pub(super) fn image_len(&self, len: usize, n: usize) -> Result<usize, EngineError> {
        let side = side(len, n);
        let expected = self.size.unwrap_or(side);
        if side != expected || side == 0 || n * 3 * side * side != len {
            return Err(EngineError::Images {
                values: len,
                images: n,
                size: self.size,
            });
        }
        Ok(len / n)
    }

    pub(super) fn shape(&self, len: usize, n: usize) -> [usize; 4] {
        let side = side(len, n);
        if self.channels_last {
            [n, side, side, 3]
        } else {
            [n, 3, side, side]
        }
    }

    pub(super) fn to_channels_last(&self, images: &[f32], n: usize) -> Vec<f32> {
        interleave(images, n, |_, value| value)
    }

    /// The bytes that normalisation made `images` from.
    pub(super) fn to_bytes(&self, images: &[f32], n: usize) -> Vec<u8> {
        let affine: [_; 3] = std::array::from_fn(|c| self.preprocess.affine(c));
        let byte = |c: usize, value: f32| {
            let (scale, offset) = affine[c];
            ((value - offset) / scale).round() as u8
        };
        if self.channels_last {
            return interleave(images, n, byte);
        }
        let plane = images.len() / (3 * n);
        let planes = images.chunks_exact(plane).enumerate();
        planes
            .flat_map(|(i, plane)| plane.iter().map(move |&value| byte(i % 3, value)))
            .collect()
    }
}

impl Output {
    pub(super) fn of(outputs: &[Outlet]) -> Result<Self, EngineError> {
        let wrong = || EngineError::Output { found: list(outputs) };
        let output = match outputs {
            [only] => only,
            many => many
                .iter()
                .find(|output| output.name() == LOGITS)
                .ok_or_else(wrong)?,
        };
        if output.dtype().tensor_type() != Some(TensorElementType::Float32) {
            return Err(wrong());
        }
        match output.dtype().tensor_shape().map(|shape| &**shape) {
            Some(&[_, classes]) if classes > 0 => Ok(Self {
                name: output.name().to_owned(),
                classes: usize::try_from(classes).map_err(|_| wrong())?,
            }),
            _ => Err(wrong()),
        }
    }
}

/// Height of `n` square pictures of three channels that have `len` values in all.
fn side(len: usize, n: usize) -> usize {
    (len / (3 * n)).isqrt()
}

/// `[n, 3, pixels]` to `[n, pixels, 3]`, each value mapped by `map(channel, value)`.
fn interleave<T>(images: &[f32], n: usize, map: impl Fn(usize, f32) -> T) -> Vec<T> {
    let pixels = images.len() / (3 * n);
    let mut interleaved = Vec::with_capacity(images.len());
    for image in images.chunks_exact(3 * pixels) {
        for i in 0..pixels {
            interleaved.extend((0..3).map(|c| map(c, image[c * pixels + i])));
        }
    }
    interleaved
}

fn list(outlets: &[Outlet]) -> String {
    let outlets: Vec<_> = outlets
        .iter()
        .map(|outlet| format!("`{}` {}", outlet.name(), outlet.dtype()))
        .collect();
    if outlets.is_empty() {
        "none".to_owned()
    } else {
        outlets.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(pixel: Pixel, channels_last: bool) -> Input {
        Input {
            name: "input".into(),
            pixel,
            channels_last,
            batch: None,
            size: Some(2),
            preprocess: Preprocess::default(),
        }
    }

    #[test]
    fn bytes_survive_normalisation_exactly() {
        let preprocess = Preprocess::default();
        // Two images of 2x2: every byte value that the formula could confuse comes up in each channel.
        for start in 0..=255u8 {
            let bytes: Vec<u8> = (0..24).map(|i| start.wrapping_add(i)).collect();
            let normalised: Vec<f32> = bytes
                .iter()
                .enumerate()
                .map(|(i, &byte)| {
                    let (scale, offset) = preprocess.affine(i / 4 % 3);
                    f32::from(byte) * scale + offset
                })
                .collect();
            assert_eq!(input(Pixel::Byte, false).to_bytes(&normalised, 2), bytes);
        }
    }

    #[test]
    fn channels_last_interleaves_each_image() {
        let planar: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let found = input(Pixel::Float, true).to_channels_last(&planar, 2);
        assert_eq!(found[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
        assert_eq!(found[12..15], [12.0, 16.0, 20.0]);
    }

    #[test]
    fn only_whole_pictures_of_the_right_size_are_taken() {
        let input = input(Pixel::Float, false);
        assert_eq!(input.image_len(24, 2).unwrap(), 12);
        for (len, n) in [(23, 2), (0, 1), (3 * 9, 1), (24, 1)] {
            assert!(input.image_len(len, n).is_err(), "{len} values, {n} images");
        }
    }
}
