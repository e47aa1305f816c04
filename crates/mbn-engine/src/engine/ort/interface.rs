//! The input of an ONNX file, checked once, and pictures in the type and layout that it takes.

use std::borrow::Cow;

use half::f16;
use mbn_onnx::foreign::{ChannelAxis, Layout, PictureInput};
use ort::value::{DynValueTypeMarker, Outlet, TensorElementType, TensorRef, ValueRef};

use crate::error::EngineError;
use crate::images::{PixelType, Pixels, red, swap_red_and_blue, to_channels_first, to_channels_last};

/// The input of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub element: Element,
    /// Where the channels lie; its shape or the graph shows it.
    pub channels: ChannelAxis,
    /// Its pictures have one channel, grey.
    pub is_grey: bool,
    /// The channels are blue, green and red.
    pub blue_first: bool,
    /// Height and width are any: the network resizes whole pictures.
    pub resizes: bool,
    /// Number of images, if the file fixes it.
    pub batch: Option<usize>,
    /// Height and width, if the file fixes them.
    pub size: Option<usize>,
}

/// Type of an input's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Float32,
    Float16,
    Uint8,
}

/// Pixels in the type and the layout of an input.
pub(super) enum Arranged<'a> {
    Float(Cow<'a, [f32]>),
    Half(Vec<f16>),
    Uint8(Cow<'a, [u8]>),
}

impl Element {
    fn of(outlet: &Outlet) -> Option<Self> {
        match outlet.dtype().tensor_type()? {
            TensorElementType::Float32 => Some(Self::Float32),
            TensorElementType::Float16 => Some(Self::Float16),
            TensorElementType::Uint8 => Some(Self::Uint8),
            _ => None,
        }
    }

    /// ONNX Runtime's name for it.
    pub(super) fn of_tensor(self) -> TensorElementType {
        match self {
            Self::Float32 => TensorElementType::Float32,
            Self::Float16 => TensorElementType::Float16,
            Self::Uint8 => TensorElementType::Uint8,
        }
    }
}

impl Arranged<'_> {
    /// The values as a tensor of this shape.
    pub(super) fn tensor(&self, shape: Vec<usize>) -> ort::Result<ValueRef<'_, DynValueTypeMarker>> {
        match self {
            Self::Float(values) => TensorRef::from_array_view((shape, &values[..])).map(TensorRef::into_dyn),
            Self::Half(values) => TensorRef::from_array_view((shape, &values[..])).map(TensorRef::into_dyn),
            Self::Uint8(values) => TensorRef::from_array_view((shape, &values[..])).map(TensorRef::into_dyn),
        }
    }
}

impl Input {
    /// The picture input. `layout` is what the graph shows where the shape does not; `resizes`: the network resizes pictures of
    /// any size. `None` if there is none.
    pub(super) fn of(inputs: &[Outlet], layout: Option<Layout>, resizes: bool) -> Option<Self> {
        let [input] = inputs else {
            return None;
        };
        let element = Element::of(input)?;
        let dims: Vec<_> = input
            .dtype()
            .tensor_shape()?
            .iter()
            .map(|dim| known(*dim))
            .collect();
        let PictureInput {
            is_grey,
            channels,
            size,
        } = PictureInput::of(&dims)?.laid_out(layout);
        let takes_pictures = element == Element::Uint8 && channels == LAST && !is_grey && size.is_none();
        Some(Self {
            name: input.name().to_owned(),
            element,
            channels,
            is_grey,
            blue_first: false,
            resizes: resizes && takes_pictures,
            batch: *dims.first()?,
            size,
        })
    }

    /// What the caller gives.
    pub(super) fn pixel_type(&self) -> PixelType {
        match self.element {
            Element::Float32 | Element::Float16 => PixelType::Float,
            Element::Uint8 if self.resizes => PixelType::Pictures,
            Element::Uint8 => PixelType::Uint8,
        }
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

    /// Shape of the tensor for `n` images that have `len` values as [`Pixels`].
    pub(super) fn shape(&self, len: usize, n: usize) -> Vec<usize> {
        let (side, channels) = (side(len, n), if self.is_grey { 1 } else { 3 });
        match self.channels {
            LAST => vec![n, side, side, channels],
            ChannelAxis::Missing => vec![n, side, side],
            ChannelAxis::Of(_) | ChannelAxis::Unknown => vec![n, channels, side, side],
        }
    }

    /// The pixels in the layout, and with the channels in the order, that the file takes. Of grey pictures, whose channels are
    /// equal, it takes the first.
    ///
    /// # Errors
    /// [`EngineError::PixelType`].
    pub(super) fn arrange<'a>(&self, images: Pixels<'a>, n: usize) -> Result<Arranged<'a>, EngineError> {
        let is_last = self.channels == LAST;
        let floats = |values| {
            let laid_out = match is_last {
                _ if self.is_grey => return red(values, n, false),
                true => to_channels_last(values, n),
                false => Cow::from(values),
            };
            self.in_order(laid_out, n)
        };
        match (self.element, images) {
            (Element::Float32, Pixels::Float(values)) => Ok(Arranged::Float(floats(values))),
            (Element::Float16, Pixels::Float(values)) => {
                let values = floats(values);
                Ok(Arranged::Half(
                    values.iter().map(|&value| f16::from_f32(value)).collect(),
                ))
            }
            (Element::Uint8, Pixels::Uint8(values)) if !self.resizes => {
                let laid_out = match is_last {
                    _ if self.is_grey => return Ok(Arranged::Uint8(red(values, n, true))),
                    true => values.into(),
                    false => to_channels_first(values, n),
                };
                Ok(Arranged::Uint8(self.in_order(laid_out, n)))
            }
            (_, images) => Err(EngineError::PixelType {
                found: images.pixel_type(),
                expected: self.pixel_type(),
            }),
        }
    }

    /// The pixels, laid out as the file takes them, with the channels in its order.
    fn in_order<'a, T: Copy>(&self, pixels: Cow<'a, [T]>, n: usize) -> Cow<'a, [T]> {
        if !self.blue_first {
            return pixels;
        }
        let mut pixels = pixels.into_owned();
        swap_red_and_blue(&mut pixels, n, self.channels == LAST);
        pixels.into()
    }
}

const LAST: ChannelAxis = ChannelAxis::Of(Layout::ChannelsLast);

/// The size of a dimension, if the file fixes it.
pub(super) fn known(dim: i64) -> Option<usize> {
    usize::try_from(dim).ok().filter(|dim| *dim > 0)
}

/// Height of `n` square pictures of three channels that have `len` values in all.
fn side(len: usize, n: usize) -> usize {
    (len / (3 * n)).isqrt()
}

#[cfg(test)]
mod tests;
