//! The orientation of a picture: where each format stores it, and how it is applied.
//!
//! Follows Pillow's `ImageOps.exif_transpose`: the Exif tag decides; XMP counts only where Exif has no such tag.

mod exif;
mod places;
mod xmp;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use super::picture_format::PictureFormat;

/// The orientation that a file asks for.
pub(super) fn of(format: PictureFormat, bytes: &[u8]) -> Orientation {
    let found = match format {
        PictureFormat::Jpeg => places::jpeg(bytes),
        PictureFormat::Png => places::png(bytes),
        PictureFormat::WebP => places::webp(bytes),
        PictureFormat::Tiff => places::tiff(bytes),
        // Pillow does not read a GIF file's XMP.
        PictureFormat::Gif | PictureFormat::Bmp | PictureFormat::Pnm => places::Metadata::default(),
        // libheif turns them by the rule of their format, which Exif only repeats.
        PictureFormat::Heic | PictureFormat::Avif => places::Metadata::default(),
    };
    let of_exif = found.exif.and_then(|exif| exif::orientation(&exif));
    // A tag with a value out of range means "as stored", and XMP is not asked.
    let value = of_exif.or_else(|| found.xmp.and_then(|xmp| xmp::orientation(&xmp)));
    value
        .and_then(Orientation::from_exif)
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

#[cfg(test)]
mod tests;
