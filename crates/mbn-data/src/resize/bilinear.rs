//! Bilinear resizing in vector instructions: first along the height, then along the width, unless the picture between the two
//! would be large.

use std::cell::RefCell;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::region::{Region, whole};

/// Most bytes of the picture between the two passes if the other order makes it smaller, and of what a thread keeps of it.
/// Pictures up to 24,000 pixels wide stay below it at 224 x 224. Of a picture with 2^28 pixels the smaller of the two takes
/// 11 MiB at most.
const LARGE: usize = 16 << 20;

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
    let bytes = |columns: f64, rows: f64| 3.0 * columns * rows;
    let height_first = bytes(region.width, height.into());
    let width_first = bytes(width.into(), image.height().into());
    if height_first <= LARGE as f64 || height_first <= width_first {
        return convolve(image, region, (width, height));
    }
    let across = Region {
        left: region.left,
        width: region.width,
        ..whole(image)
    };
    let between = convolve(image, across, (width, image.height()))?;
    let down = Region {
        top: region.top,
        height: region.height,
        ..whole(&between)
    };
    convolve(&between, down, (width, height))
}

/// First along the height, then along the width, of which either is left out if nothing changes.
fn convolve(image: &RgbImage, region: Region, (width, height): (u32, u32)) -> Result<RgbImage, String> {
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
        .with_borrow_mut(|resizer| {
            let resized = resizer.resize_typed(&source, &mut target, &options);
            if resizer.size_of_internal_buffers() > LARGE {
                resizer.reset_internal_buffers();
            }
            resized
        })
        .map_err(|error| error.to_string())?;
    Ok(resized)
}
