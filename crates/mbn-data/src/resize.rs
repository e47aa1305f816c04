//! Bilinear resizing with antialiasing, as Pillow does it, of a whole picture or of a box in it.

mod crop;
mod filter;

use std::cell::RefCell;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use mbn_spec::{Preprocess, Resize};

pub use crop::Crop;
#[cfg(test)]
pub(crate) use crop::tests::carried_out;
pub use filter::Filter;

/// A picture that cannot be resized as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("an image of {width} x {height} pixels cannot be resized to {size} x {size}: {reason}")]
pub struct ResizeError {
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Side of the square asked for.
    pub size: usize,
    /// Why not.
    pub reason: String,
}

/// A box in a picture, in pixels; its edges may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

thread_local! {
    // Holds the buffer between the two passes, and which vector instructions the processor has.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Brings a picture to size x size as `preprocess` says.
///
/// # Errors
/// [`ResizeError`] if the picture has no pixels or the size is zero or absurd.
pub fn apply(image: &RgbImage, preprocess: &Preprocess) -> Result<RgbImage, ResizeError> {
    resize_region(image, region(image, preprocess), preprocess.size)
}

/// The box that becomes the network's picture.
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

/// The box that becomes the centre of size x size pixels once the shorter side is `shorter` pixels. Resizing
/// that box alone gives the same pixels as resizing everything and cutting, and needs no large picture
/// between for a very narrow source.
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

/// A size within the network's own limit, and far from overflowing.
fn side_of(size: usize) -> Option<u32> {
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
    // The pixel type is named here: choosing among all at run time takes minutes to compile.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x as u8, y as u8, (x ^ y) as u8])
        })
    }

    fn crop(size: usize) -> Preprocess {
        Preprocess {
            size,
            resize: Resize::Crop,
            ..Preprocess::default()
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_unchanged() {
        let image = gradient(224, 224);
        assert_eq!(apply(&image, &Preprocess::default()).unwrap(), image);
    }

    #[test]
    fn extreme_shapes_are_resized() {
        for (width, height) in [(1, 1), (1, 10_000), (10_000, 1), (2, 16_384), (223, 225)] {
            let image = RgbImage::from_pixel(width, height, image::Rgb([10, 100, 200]));
            for preprocess in [Preprocess::default(), crop(224), crop(96)] {
                let resized = apply(&image, &preprocess).unwrap();
                assert_eq!(resized.width() as usize, preprocess.size);
                assert_eq!(resized.height() as usize, preprocess.size);
                assert!(
                    resized.pixels().all(|pixel| pixel.0 == [10, 100, 200]),
                    "{width} x {height}"
                );
            }
        }
    }

    #[test]
    fn the_crop_is_the_centre() {
        // Left half black, right half white, twice as wide as high: the edge must be in the middle column.
        let image = RgbImage::from_fn(512, 256, |x, _| image::Rgb([if x < 256 { 0 } else { 255 }; 3]));
        let resized = apply(&image, &crop(224)).unwrap();
        for (x, _, pixel) in resized.enumerate_pixels() {
            assert_eq!(pixel.0, [if x < 112 { 0 } else { 255 }; 3], "column {x}");
        }
    }

    #[test]
    fn refuses_what_has_no_pixels() {
        assert!(apply(&RgbImage::new(0, 0), &Preprocess::default()).is_err());
        assert!(apply(&RgbImage::new(0, 5), &crop(224)).is_err());
        let preprocess = Preprocess {
            size: 0,
            ..Preprocess::default()
        };
        assert!(apply(&gradient(8, 8), &preprocess).is_err());
    }
}
