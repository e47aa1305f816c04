//! The input and output of an ONNX file, checked once, and pictures in the layout that the input takes.

use std::borrow::Cow;

use mbn_onnx::LOGITS;
use mbn_spec::Metadata;
use ort::value::{Outlet, TensorElementType};

use crate::error::EngineError;
use crate::images::{MAX_BATCH, PixelType, Pixels, to_channels_first, to_channels_last};

/// The input of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub pixel_type: PixelType,
    /// `[batch, size, size, 3]` instead of `[batch, 3, size, size]`.
    pub channels_last: bool,
    /// Number of images, if the file fixes it.
    pub batch: Option<usize>,
    /// Height and width, if the file fixes them.
    pub size: Option<usize>,
}

/// Pixels in the layout of an input.
pub(super) enum Arranged<'a> {
    Float(Cow<'a, [f32]>),
    Uint8(Cow<'a, [u8]>),
}

/// The output of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub name: String,
    pub classes: usize,
}

impl Input {
    /// `resizes`: the network resizes pictures of any size.
    pub(super) fn of(inputs: &[Outlet], metadata: &Metadata, resizes: bool) -> Result<Self, EngineError> {
        let wrong = || EngineError::Input { found: list(inputs) };
        let [input] = inputs else {
            return Err(wrong());
        };
        let pixel_type = match input.dtype().tensor_type() {
            Some(TensorElementType::Float32) => PixelType::Float,
            Some(TensorElementType::Uint8) => PixelType::Uint8,
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
        let pixel_type = match (pixel_type, channels_last, size) {
            (PixelType::Uint8, true, None) if resizes => PixelType::Pictures,
            _ => pixel_type,
        };
        if known(height).zip(known(width)).is_some_and(|(h, w)| h != w) {
            return Err(wrong());
        }
        let batch = known(batch);
        if let Some(batch) = batch
            && batch > MAX_BATCH
        {
            return Err(EngineError::Batch { batch });
        }
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
            pixel_type,
            channels_last,
            batch,
            size,
        })
    }

    /// Values of one picture.
    ///
    /// # Errors
    /// [`EngineError::Images`] if `len` values are not `n` square pictures of the size that the file takes.
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

    /// The pixels in the layout that the file takes.
    ///
    /// # Errors
    /// [`EngineError::PixelType`].
    pub(super) fn arrange<'a>(&self, images: Pixels<'a>, n: usize) -> Result<Arranged<'a>, EngineError> {
        match (self.pixel_type, images) {
            (PixelType::Float, Pixels::Float(values)) => Ok(Arranged::Float(if self.channels_last {
                to_channels_last(values, n)
            } else {
                values.into()
            })),
            (PixelType::Uint8, Pixels::Uint8(values)) => Ok(Arranged::Uint8(if self.channels_last {
                values.into()
            } else {
                to_channels_first(values, n)
            })),
            (expected, images) => Err(EngineError::PixelType {
                found: images.pixel_type(),
                expected,
            }),
        }
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

    fn input(pixel_type: PixelType, channels_last: bool) -> Input {
        Input {
            name: "input".into(),
            pixel_type,
            channels_last,
            batch: None,
            size: Some(2),
        }
    }

    #[test]
    fn pixels_get_the_layout_of_the_input() {
        let values: Vec<u8> = (0..24).collect();
        let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
        let bytes = |channels_last| {
            let arranged = input(PixelType::Uint8, channels_last).arrange(Pixels::Uint8(&values), 2);
            let Arranged::Uint8(bytes) = arranged.unwrap() else {
                panic!("these are floats");
            };
            bytes.into_owned()
        };
        // The input's layout is the decoders': nothing moves.
        assert_eq!(bytes(true), values);
        assert_eq!(bytes(false)[..6], [0, 3, 6, 9, 1, 4]);
        let arranged = input(PixelType::Float, true).arrange(Pixels::Float(&floats), 2);
        let Arranged::Float(found) = arranged.unwrap() else {
            panic!("these are bytes");
        };
        assert_eq!(found[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
    }

    #[test]
    fn pixels_of_another_type_are_refused() {
        let error = input(PixelType::Uint8, true).arrange(Pixels::Float(&[0.0; 12]), 1);
        assert!(matches!(error, Err(EngineError::PixelType { .. })));
        let error = input(PixelType::Float, false).arrange(Pixels::Uint8(&[0; 12]), 1);
        assert!(matches!(error, Err(EngineError::PixelType { .. })));
    }

    #[test]
    fn only_whole_pictures_of_the_right_size_are_taken() {
        let input = input(PixelType::Float, false);
        assert_eq!(input.image_len(24, 2).unwrap(), 12);
        for (len, n) in [(23, 2), (0, 1), (3 * 9, 1), (24, 1)] {
            assert!(input.image_len(len, n).is_err(), "{len} values, {n} images");
        }
    }
}
