//! The part of a picture that becomes the network's input.

use image::RgbImage;
use mbn_spec::{Preprocess, Resize};

/// A box in a picture, in pixels. Its edges may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Region {
    /// Whether it has an extent and lies in the picture.
    pub fn is_within(&self, image: &RgbImage) -> bool {
        let along = |low: f64, extent: f64, length: u32| {
            low >= 0.0 && extent > 0.0 && low + extent <= f64::from(length) + ROUNDING
        };
        along(self.left, self.width, image.width()) && along(self.top, self.height, image.height())
    }
}

/// Rounding of an edge that lies on the picture's.
const ROUNDING: f64 = 1e-9;

/// The box that `preprocess` selects.
pub(crate) fn region(image: &RgbImage, preprocess: &Preprocess) -> Region {
    match preprocess.resize {
        Resize::Square => whole(image),
        Resize::Crop => centre(image, preprocess),
    }
}

/// The whole picture.
pub(crate) fn whole(image: &RgbImage) -> Region {
    Region {
        left: 0.0,
        top: 0.0,
        width: f64::from(image.width()),
        height: f64::from(image.height()),
    }
}

/// The box that becomes the central size x size pixels when the picture is resized to the shorter side of `preprocess`.
/// Resizing this box alone gives the same pixels as resizing everything and then cropping, without a
/// huge intermediate picture if the source is very narrow.
fn centre(image: &RgbImage, preprocess: &Preprocess) -> Region {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (size, shorter) = (preprocess.size, width.min(height));
    let along = |length: usize| {
        let resized = preprocess.longer_side(shorter, length);
        let offset = preprocess.centre.offset(resized, size);
        let back = length as f64 / resized as f64;
        (offset as f64 * back, size as f64 * back)
    };
    let ((left, width), (top, height)) = (along(width), along(height));
    Region {
        left,
        top,
        width,
        height,
    }
}
