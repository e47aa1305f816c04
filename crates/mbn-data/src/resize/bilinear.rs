//! Resizes a box of a picture on the CPU.

use std::cell::RefCell;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::region::{Region, whole};

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

thread_local! {
    // Keeps the buffer between the two passes and the detected vector instructions.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// `size` if it is within the network's limit, which is far from overflowing.
pub(super) fn side_of(size: usize) -> Option<u32> {
    let side = u32::try_from(size).ok();
    side.filter(|side| (1..=4096).contains(side))
}

/// Resizes a box of a picture to size x size.
pub(crate) fn resize_region(image: &RgbImage, region: Region, size: usize) -> Result<RgbImage, ResizeError> {
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
    if region == whole(image) && image.dimensions() == (side, side) {
        return Ok(image.clone());
    }
    let mut resized = RgbImage::new(side, side);
    // Naming the pixel type here avoids code for all others, which takes minutes to compile.
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw())
        .map_err(|e| error(e.to_string()))?;
    let mut target =
        TypedImage::<U8x3>::from_buffer(side, side, &mut resized).map_err(|e| error(e.to_string()))?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(region.left, region.top, region.width, region.height)
        .use_alpha(false);
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize_typed(&source, &mut target, &options))
        .map_err(|e| error(e.to_string()))?;
    Ok(resized)
}
