//! Resizes a box of a picture on the CPU.

use image::RgbImage;
use mbn_spec::Interpolation;

use super::region::{Region, whole};
use super::{bilinear, pillow, single_pixels};

/// A picture that cannot be resized as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("an image of {width} x {height} pixels cannot be resized to {size} x {size}: {reason}")]
pub struct ResizeError {
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Side of the requested square.
    pub size: usize,
    /// Why not.
    pub reason: String,
}

/// `size` if it is within the network's limit, which is far from overflowing.
pub(super) fn side_of(size: usize) -> Option<u32> {
    let side = u32::try_from(size).ok();
    side.filter(|side| (1..=4096).contains(side))
}

/// How close a bilinear resize comes to Pillow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// Within a level, in vector instructions.
    Fast,
    /// To the bit.
    Pillow,
}

/// Resizes a box of a picture to size x size. Like Pillow with a box, it reads pixels beyond the box if there are any.
pub(crate) fn resize_region(
    image: &RgbImage,
    region: Region,
    size: usize,
    interpolation: Interpolation,
) -> Result<RgbImage, ResizeError> {
    resize_region_with(image, region, size, interpolation, Arithmetic::Fast)
}

/// As [`resize_region`], in the given arithmetic.
pub(crate) fn resize_region_with(
    image: &RgbImage,
    region: Region,
    size: usize,
    interpolation: Interpolation,
    arithmetic: Arithmetic,
) -> Result<RgbImage, ResizeError> {
    let error = |reason: String| ResizeError {
        width: image.width(),
        height: image.height(),
        size,
        reason,
    };
    let side = side_of(size).ok_or_else(|| error("the size is outside 1 to 4096".to_owned()))?;
    if image.is_empty() {
        return Err(error("it has no pixels".to_owned()));
    }
    let region = region
        .within(image.dimensions())
        .ok_or_else(|| error("the box does not lie in it".to_owned()))?;
    if region == whole(image) && image.dimensions() == (side, side) {
        return Ok(image.clone());
    }
    match (interpolation, arithmetic) {
        (Interpolation::Bilinear, Arithmetic::Fast) => {
            bilinear::resize(image, region, (side, side)).map_err(error)
        }
        (Interpolation::Nearest, _) => Ok(single_pixels::nearest(image, region, side)),
        (Interpolation::BilinearNoAntialias, _) => Ok(single_pixels::bilinear(image, region, side)),
        _ => Ok(pillow::resize(image, region, side, interpolation)),
    }
}
