//! Resizing, like Pillow's, of a whole picture or of a box in it.

mod bilinear;
mod cpu;
mod crop;
mod filter;
mod grid;
mod pillow;
mod region;
mod single_pixels;

use image::RgbImage;
use mbn_spec::Preprocess;

pub use cpu::ResizeError;
pub(crate) use cpu::resize_region;
use cpu::{Arithmetic, resize_region_with};
pub use crop::Crop;
#[cfg(test)]
pub(crate) use crop::tests::carried_out;
pub use filter::Filter;
pub(crate) use region::{Region, region};

/// Resizes a picture to size x size as `preprocess` says.
///
/// # Errors
/// [`ResizeError`] if the picture has no pixels or the size is not in 1 to 4096.
pub fn resize(image: &RgbImage, preprocess: &Preprocess) -> Result<RgbImage, ResizeError> {
    let region = region(image, preprocess);
    resize_region(image, region, preprocess.size, preprocess.interpolation)
}

/// As [`resize`], with Pillow's pixels to the bit whatever the filter is, and slower if it is bilinear: for networks of which
/// another library makes the input.
///
/// # Errors
/// As [`resize`].
pub fn resize_exactly(image: &RgbImage, preprocess: &Preprocess) -> Result<RgbImage, ResizeError> {
    let region = region(image, preprocess);
    let (size, interpolation) = (preprocess.size, preprocess.interpolation);
    resize_region_with(image, region, size, interpolation, Arithmetic::Pillow)
}

/// Resizes a whole picture that has pixels to width x height. The error says why not.
pub(crate) fn resize_to(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage, String> {
    bilinear::resize(image, region::whole(image), (width, height))
}

#[cfg(test)]
mod tests {
    use mbn_spec::{Interpolation, Resize};

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
        assert_eq!(resize(&image, &Preprocess::default()).unwrap(), image);
    }

    #[test]
    fn extreme_aspect_ratios_are_resized() {
        for (width, height) in [(1, 1), (1, 10_000), (10_000, 1), (2, 16_384), (223, 225)] {
            let image = RgbImage::from_pixel(width, height, image::Rgb([10, 100, 200]));
            let bicubic = Preprocess {
                interpolation: Interpolation::Bicubic,
                ..crop(96).with_shorter(97)
            };
            for preprocess in [Preprocess::default(), crop(224), crop(96), bicubic] {
                let resized = resize(&image, &preprocess).unwrap();
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
        // Twice as wide as high, black on the left and white on the right: the edge must stay in the middle column.
        let image = RgbImage::from_fn(512, 256, |x, _| image::Rgb([if x < 256 { 0 } else { 255 }; 3]));
        let resized = resize(&image, &crop(224)).unwrap();
        for (x, _, pixel) in resized.enumerate_pixels() {
            assert_eq!(pixel.0, [if x < 112 { 0 } else { 255 }; 3], "column {x}");
        }
    }

    #[test]
    fn refuses_empty_pictures_and_sizes() {
        assert!(resize(&RgbImage::new(0, 0), &Preprocess::default()).is_err());
        assert!(resize(&RgbImage::new(0, 5), &crop(224)).is_err());
        let preprocess = Preprocess {
            size: 0,
            ..Preprocess::default()
        };
        assert!(resize(&gradient(8, 8), &preprocess).is_err());
    }
}
