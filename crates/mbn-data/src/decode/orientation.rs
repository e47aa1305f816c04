//! The EXIF orientation: where a file stores it and how it is applied.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

/// The orientation in a chunk of EXIF data, if there is one.
pub(super) fn of_exif(chunk: Option<&[u8]>) -> Orientation {
    chunk
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}

/// Turns and mirrors a picture so that it is upright.
pub(super) fn apply(image: &mut RgbImage, orientation: Orientation) {
    if orientation == Orientation::NoTransforms {
        return;
    }
    let mut turned = DynamicImage::ImageRgb8(std::mem::take(image));
    turned.apply_orientation(orientation);
    *image = turned.into_rgb8();
}
