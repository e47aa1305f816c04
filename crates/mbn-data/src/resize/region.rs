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
        Resize::Crop => centre(image, preprocess.size, preprocess.shorter_side()),
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

/// The box that becomes the central size x size pixels when the picture is resized so that its shorter side is
/// `shorter` pixels. Resizing this box alone gives the same pixels as resizing everything and then cropping, without a
/// huge intermediate picture if the source is very narrow.
fn centre(image: &RgbImage, size: usize, shorter: usize) -> Region {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let scale = shorter as f64 / width.min(height);
    let along = |length: f64| {
        let resized = (length * scale).round_ties_even();
        let offset = ((resized - size as f64) / 2.0).floor();
        let back = length / resized;
        (offset * back, size as f64 * back)
    };
    let ((left, width), (top, height)) = (along(width), along(height));
    Region {
        left,
        top,
        width,
        height,
    }
}
