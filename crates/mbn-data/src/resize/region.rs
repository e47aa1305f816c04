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
    /// The box without what rounding put beyond the edges of a picture of width x height, which no resize takes. `None` if it has
    /// no extent, or more of it lies outside.
    pub fn within(self, (width, height): (u32, u32)) -> Option<Self> {
        let along = |low: f64, extent: f64, length: u32| {
            let length = f64::from(length);
            let high = low + extent;
            let is_within = low >= 0.0 && extent > 0.0 && high <= length * (1.0 + ROUNDING);
            let extent = extent.min(length);
            let low = if high > length { length - extent } else { low };
            is_within.then_some((low, extent))
        };
        let (left, width) = along(self.left, self.width, width)?;
        let (top, height) = along(self.top, self.height, height)?;
        Some(Self {
            left,
            top,
            width,
            height,
        })
    }
}

/// Rounding of an edge that lies on the picture's, relative to the picture.
const ROUNDING: f64 = 1e-12;

/// The box that `preprocess` selects.
pub(crate) fn region(image: &RgbImage, preprocess: &Preprocess) -> Region {
    match preprocess.resize {
        Resize::Square => whole(image),
        Resize::Crop => centre(image.dimensions(), preprocess),
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
fn centre((width, height): (u32, u32), preprocess: &Preprocess) -> Region {
    let (size, shorter) = (preprocess.size, width.min(height) as usize);
    let along = |length: u32| {
        let length = length as usize;
        let resized = preprocess.longer_side(shorter, length);
        let offset = preprocess.centre.offset(resized, size);
        let back = length as f64 / resized as f64;
        (offset as f64 * back, size as f64 * back)
    };
    let ((left, across), (top, down)) = (along(width), along(height));
    let region = Region {
        left,
        top,
        width: across,
        height: down,
    };
    // An empty picture has none; resizing it is refused.
    region.within((width, height)).unwrap_or(region)
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use mbn_spec::Interpolation;

    use super::*;
    use crate::resize::{Crop, resize, resize_exactly};

    const SIZES: [usize; 9] = [1, 32, 97, 128, 160, 192, 224, 299, 384];

    fn whole_crop(size: usize) -> Preprocess {
        Preprocess {
            size,
            resize: Resize::Crop,
            ..Preprocess::default()
        }
        .with_shorter(size)
    }

    #[test]
    fn a_crop_as_large_as_the_resized_picture_lies_in_it() {
        for size in SIZES {
            for side in 1..4000 {
                for longer in [side, side + 1, side * 4 / 3, 3 * side + 1] {
                    for (width, height) in [(side, longer), (longer, side)] {
                        let region = centre((width, height), &whole_crop(size));
                        let right = region.left + region.width;
                        let bottom = region.top + region.height;
                        let is_inside = region.left >= 0.0
                            && region.top >= 0.0
                            && right <= f64::from(width)
                            && bottom <= f64::from(height);
                        assert!(is_inside, "{width} x {height} to {size}: {region:?}");
                        let shorter = region.width.min(region.height);
                        assert!((shorter - f64::from(side)).abs() < 1e-9, "{region:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_resize_takes_a_crop_as_large_as_the_resized_picture() {
        for side in 1..=260 {
            let image = RgbImage::from_pixel(side, side + side % 2, Rgb([7, 90, 200]));
            for size in [32, 97, 224] {
                let preprocess = whole_crop(size);
                let region = region(&image, &preprocess);
                for resized in [resize(&image, &preprocess), resize_exactly(&image, &preprocess)] {
                    let resized = resized.unwrap();
                    assert!(
                        resized.pixels().all(|pixel| pixel.0 == [7, 90, 200]),
                        "{side} to {size}"
                    );
                }
                let crop = Crop::new(&image, region, size, Interpolation::Bilinear);
                assert!(crop.is_ok(), "{side} to {size}");
            }
        }
    }

    #[test]
    fn only_rounding_is_cut_off() {
        let region = |left: f64, width: f64| Region {
            left,
            top: 0.0,
            width,
            height: 4.0,
        };
        let within = |left, width| region(left, width).within((10, 4));
        assert_eq!(within(2.5, 7.5), Some(region(2.5, 7.5)));
        assert_eq!(within(0.0, 10.0 + 1e-14), Some(region(0.0, 10.0)));
        let cut = within(2.5, 7.5 + 4e-15).unwrap();
        assert!(cut.left + cut.width <= 10.0);
        for (left, width) in [
            (0.0, 10.0001),
            (5.0, 5.0001),
            (-1e-14, 3.0),
            (2.0, 0.0),
            (0.0, f64::NAN),
        ] {
            assert_eq!(within(left, width), None, "{left}, {width}");
        }
    }
}
