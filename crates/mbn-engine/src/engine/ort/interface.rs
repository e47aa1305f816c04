//! The input of an ONNX file, checked once, and pictures in the type and layout that it takes.

use std::borrow::Cow;

use half::f16;
use mbn_onnx::foreign::Layout;
use ort::value::{DynValueTypeMarker, Outlet, TensorElementType, TensorRef, ValueRef};

use crate::error::EngineError;
use crate::images::{PixelType, Pixels, swap_red_and_blue, to_channels_first, to_channels_last};

/// The input of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub element: Element,
    /// `[batch, size, size, 3]` instead of `[batch, 3, size, size]`.
    pub channels_last: bool,
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
    pub(super) fn tensor(&self, shape: [usize; 4]) -> ort::Result<ValueRef<'_, DynValueTypeMarker>> {
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
        let [batch, a, b, c] = **input.dtype().tensor_shape()? else {
            return None;
        };
        let channels_last = match shown_layout([a, b, c].map(known))? {
            Shown::Layout(layout) => layout,
            Shown::Neither => layout.unwrap_or(Layout::ChannelsFirst),
        } == Layout::ChannelsLast;
        let (height, width) = if channels_last { (a, b) } else { (b, c) };
        if known(height).zip(known(width)).is_some_and(|(h, w)| h != w) {
            return None;
        }
        let size = known(height).or(known(width));
        Some(Self {
            name: input.name().to_owned(),
            element,
            channels_last,
            blue_first: false,
            resizes: resizes && element == Element::Uint8 && channels_last && size.is_none(),
            batch: known(batch),
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

    pub(super) fn shape(&self, len: usize, n: usize) -> [usize; 4] {
        let side = side(len, n);
        if self.channels_last {
            [n, side, side, 3]
        } else {
            [n, 3, side, side]
        }
    }

    /// The pixels in the layout, and with the channels in the order, that the file takes.
    ///
    /// # Errors
    /// [`EngineError::PixelType`].
    pub(super) fn arrange<'a>(&self, images: Pixels<'a>, n: usize) -> Result<Arranged<'a>, EngineError> {
        let floats = |values| {
            let laid_out = match self.channels_last {
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
                let laid_out = match self.channels_last {
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
}

impl Input {
    /// The pixels, laid out as the file takes them, with the channels in its order.
    fn in_order<'a, T: Copy>(&self, pixels: Cow<'a, [T]>, n: usize) -> Cow<'a, [T]> {
        if !self.blue_first {
            return pixels;
        }
        let mut pixels = pixels.into_owned();
        swap_red_and_blue(&mut pixels, n, self.channels_last);
        pixels.into()
    }
}

/// The size of a dimension, if the file fixes it.
pub(super) fn known(dim: i64) -> Option<usize> {
    usize::try_from(dim).ok().filter(|dim| *dim > 0)
}

/// What the dimensions after the batch show of the layout.
enum Shown {
    Layout(Layout),
    Neither,
}

/// Three channels come first or last; `None` if they can be neither.
fn shown_layout([a, b, c]: [Option<usize>; 3]) -> Option<Shown> {
    const CHANNELS: Option<usize> = Some(3);
    let (first, last) = (a == CHANNELS, c == CHANNELS);
    match (a, b, c) {
        _ if first && !last => Some(Shown::Layout(Layout::ChannelsFirst)),
        _ if last && !first => Some(Shown::Layout(Layout::ChannelsLast)),
        _ if first && last => Some(Shown::Neither),
        // The channels are the dimension without a size.
        (None, _, Some(_)) => Some(Shown::Layout(Layout::ChannelsFirst)),
        (Some(_), _, None) => Some(Shown::Layout(Layout::ChannelsLast)),
        (None, _, None) => Some(Shown::Neither),
        (Some(_), _, Some(_)) => None,
    }
}

/// Height of `n` square pictures of three channels that have `len` values in all.
fn side(len: usize, n: usize) -> usize {
    (len / (3 * n)).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(element: Element, channels_last: bool) -> Input {
        Input {
            name: "input".into(),
            element,
            channels_last,
            blue_first: false,
            resizes: false,
            batch: None,
            size: Some(2),
        }
    }

    #[test]
    fn pixels_get_the_layout_of_the_input() {
        let values: Vec<u8> = (0..24).collect();
        let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
        let bytes = |channels_last| {
            let arranged = input(Element::Uint8, channels_last).arrange(Pixels::Uint8(&values), 2);
            let Arranged::Uint8(bytes) = arranged.unwrap() else {
                panic!("these are no bytes");
            };
            bytes.into_owned()
        };
        // The input's layout is the decoders': nothing moves.
        assert_eq!(bytes(true), values);
        assert_eq!(bytes(false)[..6], [0, 3, 6, 9, 1, 4]);
        let arranged = input(Element::Float32, true).arrange(Pixels::Float(&floats), 2);
        let Arranged::Float(found) = arranged.unwrap() else {
            panic!("these are no floats");
        };
        assert_eq!(found[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
        let arranged = input(Element::Float16, true).arrange(Pixels::Float(&floats), 2);
        let Arranged::Half(halves) = arranged.unwrap() else {
            panic!("these are no halves");
        };
        assert_eq!(
            halves.iter().map(|value| value.to_f32()).collect::<Vec<_>>(),
            *found
        );
    }

    #[test]
    fn blue_comes_first_where_the_input_takes_it_so() {
        let values: Vec<u8> = (0..24).collect();
        let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
        for channels_last in [false, true] {
            let with = |element, blue_first| Input {
                blue_first,
                ..input(element, channels_last)
            };
            let bytes = |blue_first| match with(Element::Uint8, blue_first).arrange(Pixels::Uint8(&values), 2)
            {
                Ok(Arranged::Uint8(bytes)) => bytes.into_owned(),
                _ => panic!("these are no bytes"),
            };
            let singles =
                |blue_first| match with(Element::Float32, blue_first).arrange(Pixels::Float(&floats), 2) {
                    Ok(Arranged::Float(values)) => values.into_owned(),
                    _ => panic!("these are no floats"),
                };
            // Where a channel of a pixel of a picture lies.
            let at = |picture: usize, pixel: usize, channel: usize| match channels_last {
                true => picture * 12 + pixel * 3 + channel,
                false => picture * 12 + channel * 4 + pixel,
            };
            for (picture, pixel, channel) in (0..24).map(|i| (i / 12, i / 3 % 4, i % 3)) {
                let (to, from) = (at(picture, pixel, channel), at(picture, pixel, 2 - channel));
                assert_eq!(bytes(true)[to], bytes(false)[from]);
                assert_eq!(singles(true)[to], singles(false)[from]);
            }
        }
    }

    #[test]
    fn three_channels_show_the_layout() {
        let layout = |dims: [i64; 3]| match shown_layout(dims.map(known)) {
            None => "no picture",
            Some(Shown::Neither) => "neither",
            Some(Shown::Layout(Layout::ChannelsFirst)) => "first",
            Some(Shown::Layout(Layout::ChannelsLast)) => "last",
        };
        for (dims, expected) in [
            ([3, 224, 224], "first"),
            ([3, -1, -1], "first"),
            ([224, 224, 3], "last"),
            ([-1, -1, 3], "last"),
            ([-1, 224, 224], "first"),
            ([224, 224, -1], "last"),
            ([-1, -1, -1], "neither"),
            ([3, 3, 3], "neither"),
            ([1, 28, 28], "no picture"),
            ([28, 28, 1], "no picture"),
        ] {
            assert_eq!(layout(dims), expected, "{dims:?}");
        }
    }

    #[test]
    fn pixels_of_another_type_are_refused() {
        let error = input(Element::Uint8, true).arrange(Pixels::Float(&[0.0; 12]), 1);
        assert!(matches!(error, Err(EngineError::PixelType { .. })));
        let error = input(Element::Float32, false).arrange(Pixels::Uint8(&[0; 12]), 1);
        assert!(matches!(error, Err(EngineError::PixelType { .. })));
    }

    #[test]
    fn only_whole_pictures_of_the_right_size_are_taken() {
        let input = input(Element::Float32, false);
        assert_eq!(input.image_len(24, 2).unwrap(), 12);
        for (len, n) in [(23, 2), (0, 1), (3 * 9, 1), (24, 1)] {
            assert!(input.image_len(len, n).is_err(), "{len} values, {n} images");
        }
    }
}
