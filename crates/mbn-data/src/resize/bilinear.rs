//! Bilinear resizing in vector instructions: first along the height, then along the width.

use std::cell::RefCell;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::region::Region;

thread_local! {
    // Keeps the buffer between the two passes and the detected vector instructions.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Resizes a box of a picture that has pixels to width x height, within a level of Pillow's result. The error says why not.
pub(super) fn resize(
    image: &RgbImage,
    region: Region,
    (width, height): (u32, u32),
) -> Result<RgbImage, String> {
    let mut resized = RgbImage::new(width, height);
    // Naming the pixel type here avoids code for all others, which takes minutes to compile.
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw())
        .map_err(|error| error.to_string())?;
    let mut target =
        TypedImage::<U8x3>::from_buffer(width, height, &mut resized).map_err(|error| error.to_string())?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(region.left, region.top, region.width, region.height)
        .use_alpha(false);
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize_typed(&source, &mut target, &options))
        .map_err(|error| error.to_string())?;
    Ok(resized)
}
