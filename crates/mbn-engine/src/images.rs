//! Pictures as the engines take them, in buffers that are used again.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::mpsc::Sender;

/// The most images that an engine takes at once: more does not make any machine faster. An image of 224 x 224 takes
/// 0.6 MB as float32, six batches are alive (four being decoded or waiting, two with the engine), and the network's own
/// values come to 1.5 MB an image: 5.4 GB in all.
pub const MAX_BATCH: usize = 1024;

/// What a network's input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelType {
    /// float32 `[n, 3, size, size]`, RGB, normalised as the model's `Preprocess` says.
    Float,
    /// Bytes `[n, size, size, 3]`, RGB as decoders give it: the network normalises.
    Uint8,
    /// Whole pictures of any size: the network resizes and normalises.
    Pictures,
}

impl PixelType {
    /// Values of an image of `size` x `size` pixels in [`Pixels`]; a whole picture is one value.
    pub fn image_len(self, size: usize) -> usize {
        match self {
            Self::Float | Self::Uint8 => 3 * size * size,
            Self::Pictures => 1,
        }
    }
}

/// A whole picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// RGB `[height, width, 3]`.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// A black picture.
    pub fn black(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            bytes: vec![0; 3 * height * width],
        }
    }

    /// Whether both have the same height and width.
    pub(crate) fn is_as_large_as(&self, other: &Self) -> bool {
        (self.height, self.width) == (other.height, other.width)
    }
}

/// The pixels of some images, row-major in the layout of their [`PixelType`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pixels<'a> {
    /// As [`PixelType::Float`].
    Float(&'a [f32]),
    /// As [`PixelType::Uint8`].
    Uint8(&'a [u8]),
    /// As [`PixelType::Pictures`].
    Pictures(&'a [Picture]),
}

/// Memory for the pixels of some images.
#[derive(Clone, Debug, PartialEq)]
pub enum PixelBuffer {
    /// As [`PixelType::Float`].
    Float(Vec<f32>),
    /// As [`PixelType::Uint8`].
    Uint8(Vec<u8>),
    /// As [`PixelType::Pictures`].
    Pictures(Vec<Picture>),
}

/// Decoded images. When they are dropped, their memory goes back to whoever decodes the next.
#[derive(Debug)]
pub struct Images {
    pixels: PixelBuffer,
    recycle: Option<Sender<PixelBuffer>>,
}

impl<'a> Pixels<'a> {
    /// Their type.
    pub fn pixel_type(self) -> PixelType {
        match self {
            Self::Float(_) => PixelType::Float,
            Self::Uint8(_) => PixelType::Uint8,
            Self::Pictures(_) => PixelType::Pictures,
        }
    }

    /// Number of values: three for each pixel, or one for each whole picture.
    pub fn len(self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Uint8(values) => values.len(),
            Self::Pictures(pictures) => pictures.len(),
        }
    }

    /// Whether there is no pixel.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The values in a range.
    ///
    /// # Panics
    /// If the range ends after the values.
    pub fn range(self, values: Range<usize>) -> Self {
        match self {
            Self::Float(all) => Self::Float(&all[values]),
            Self::Uint8(all) => Self::Uint8(&all[values]),
            Self::Pictures(all) => Self::Pictures(&all[values]),
        }
    }

    /// These values, with zeros after them to `len` values.
    pub(crate) fn padded(self, len: usize) -> PixelBuffer {
        let mut padded = match self {
            Self::Float(values) => PixelBuffer::Float(values.to_vec()),
            Self::Uint8(values) => PixelBuffer::Uint8(values.to_vec()),
            Self::Pictures(pictures) => PixelBuffer::Pictures(pictures.to_vec()),
        };
        padded.resize(len);
        padded
    }
}

impl PixelBuffer {
    /// `len` values of 0, or pictures without pixels.
    pub fn zeros(pixel_type: PixelType, len: usize) -> Self {
        match pixel_type {
            PixelType::Float => Self::Float(vec![0.0; len]),
            PixelType::Uint8 => Self::Uint8(vec![0; len]),
            PixelType::Pictures => Self::Pictures(vec![Picture::default(); len]),
        }
    }

    /// `n` blank images of `size` x `size`.
    pub fn blank(pixel_type: PixelType, n: usize, size: usize) -> Self {
        match pixel_type {
            PixelType::Pictures => Self::Pictures(vec![Picture::black(size, size); n]),
            _ => Self::zeros(pixel_type, n * pixel_type.image_len(size)),
        }
    }

    /// The pixels in it.
    pub fn pixels(&self) -> Pixels<'_> {
        match self {
            Self::Float(values) => Pixels::Float(values),
            Self::Uint8(values) => Pixels::Uint8(values),
            Self::Pictures(pictures) => Pixels::Pictures(pictures),
        }
    }

    /// Cuts values off the end, or adds values of 0 there.
    pub fn resize(&mut self, len: usize) {
        match self {
            Self::Float(values) => values.resize(len, 0.0),
            Self::Uint8(values) => values.resize(len, 0),
            Self::Pictures(pictures) => pictures.resize(len, Picture::default()),
        }
    }
}

impl Images {
    /// Images whose memory `recycle` gets back when they are dropped.
    pub fn recycled(pixels: PixelBuffer, recycle: Sender<PixelBuffer>) -> Self {
        Self {
            pixels,
            recycle: Some(recycle),
        }
    }

    /// Their pixels.
    pub fn pixels(&self) -> Pixels<'_> {
        self.pixels.pixels()
    }
}

impl From<PixelBuffer> for Images {
    fn from(pixels: PixelBuffer) -> Self {
        Self {
            pixels,
            recycle: None,
        }
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        if let Some(recycle) = &self.recycle {
            let empty = PixelBuffer::zeros(self.pixels().pixel_type(), 0);
            // The producer of the last images may have ended.
            let _ = recycle.send(std::mem::replace(&mut self.pixels, empty));
        }
    }
}

/// `[n, 3, pixels]` to `[n, pixels, 3]`.
pub(crate) fn to_channels_last<T: Copy>(images: &[T], n: usize) -> Cow<'_, [T]> {
    let pixels = images.len() / (3 * n);
    let mut interleaved = Vec::with_capacity(images.len());
    for image in images.chunks_exact(3 * pixels) {
        for i in 0..pixels {
            interleaved.extend((0..3).map(|c| image[c * pixels + i]));
        }
    }
    interleaved.into()
}

/// `[n, pixels, 3]` to `[n, 3, pixels]`.
pub(crate) fn to_channels_first<T: Copy>(images: &[T], n: usize) -> Cow<'_, [T]> {
    let pixels = images.len() / (3 * n);
    let mut planes = Vec::with_capacity(images.len());
    for image in images.chunks_exact(3 * pixels) {
        for c in 0..3 {
            planes.extend((0..pixels).map(|i| image[3 * i + c]));
        }
    }
    planes.into()
}

/// The first channel of `[n, 3, pixels]` or, with `channels_last`, of `[n, pixels, 3]`.
pub(crate) fn red<T: Copy>(images: &[T], n: usize, channels_last: bool) -> Cow<'_, [T]> {
    let pixels = images.len() / (3 * n);
    match channels_last {
        true => images.iter().step_by(3).copied().collect(),
        false => images
            .chunks_exact(3 * pixels)
            .flat_map(|image| &image[..pixels])
            .copied()
            .collect(),
    }
}

/// Has red and blue change places, in `[n, 3, pixels]` or, with `channels_last`, in `[n, pixels, 3]`.
pub(crate) fn swap_red_and_blue<T>(images: &mut [T], n: usize, channels_last: bool) {
    let pixels = images.len() / (3 * n);
    if channels_last {
        images
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .for_each(|pixel| pixel.swap(0, 2));
        return;
    }
    for image in images.chunks_exact_mut(3 * pixels) {
        let (red, rest) = image.split_at_mut(pixels);
        red.swap_with_slice(&mut rest[pixels..]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn layouts_change_image_by_image() {
        let planar: Vec<u8> = (0..24).collect();
        let interleaved = to_channels_last(&planar, 2);
        assert_eq!(interleaved[..6], [0, 4, 8, 1, 5, 9]);
        assert_eq!(interleaved[12..15], [12, 16, 20]);
        assert_eq!(to_channels_first(&interleaved, 2), planar);
        let first = [0, 1, 2, 3, 12, 13, 14, 15];
        assert_eq!(red(&planar, 2, false), first.as_slice());
        assert_eq!(red(&interleaved, 2, true), first.as_slice());
    }

    #[test]
    fn memory_comes_back_when_images_are_dropped() {
        let (recycle, empty) = channel();
        let pixels = PixelBuffer::Uint8(vec![7; 6]);
        drop(Images::recycled(pixels.clone(), recycle));
        assert_eq!(empty.recv(), Ok(pixels));
    }

    #[test]
    fn a_part_that_is_padded_keeps_its_type() {
        let all = [1u8, 2, 3, 4, 5, 6];
        let part = Pixels::Uint8(&all).range(3..6);
        assert_eq!(part.padded(5), PixelBuffer::Uint8(vec![4, 5, 6, 0, 0]));
        assert_eq!(part.pixel_type(), PixelType::Uint8);
    }
}
