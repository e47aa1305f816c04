//! The part of a picture that the device, which also runs the network, resizes.

use image::RgbImage;
use mbn_spec::Interpolation;

use super::cpu::{ResizeError, resize_region, side_of};
use super::filter::Filter;
use super::region::Region;

/// Largest reduction that a device computes, in either direction. Up to here it reads at most five pixels each way, and
/// a crop for 224 x 224 has at most 940 KB. Copying these at 25 GB/s takes no longer than the kernels of a training
/// step need for one picture. Most photographs are smaller. For larger ones, decoding dominates the CPU's time;
/// reducing them there adds little to it and leaves less to copy.
const MOST_REDUCTION: f64 = 2.5;

/// The part of a picture that becomes `[size, size, 3]`, and the filters that resize it: first along the height,
/// rounding to bytes, then along the width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crop {
    /// `[height, width, 3]`
    pub pixels: Vec<u8>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Makes `size` rows from `height`.
    pub rows: Filter,
    /// Makes `size` columns from `width`.
    pub columns: Filter,
    /// Whether the device mirrors the result left to right.
    pub is_mirrored: bool,
}

impl Crop {
    /// A box of a picture. The CPU resizes it here if it is much larger than the result, or not with the filter that a device
    /// computes.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is not in 1 to 4096.
    pub(crate) fn new(
        image: &RgbImage,
        region: Region,
        size: usize,
        interpolation: Interpolation,
    ) -> Result<Self, ResizeError> {
        let unresized = match interpolation {
            Interpolation::Bilinear => Self::unresized(image, region, size),
            _ => None,
        };
        match unresized {
            Some(crop) => Ok(crop),
            None => Ok(Self::resized(resize_region(image, region, size, interpolation)?)),
        }
    }

    /// A picture that already has its size.
    pub(crate) fn resized(image: RgbImage) -> Self {
        let (width, height) = image.dimensions();
        let same = |length: u32| Filter::bilinear(length, [0.0, f64::from(length)], length as usize);
        Self {
            pixels: image.into_raw(),
            height: height as usize,
            width: width as usize,
            rows: same(height),
            columns: same(width),
            is_mirrored: false,
        }
    }

    /// `None` if the CPU must resize or report why it cannot.
    fn unresized(image: &RgbImage, region: Region, size: usize) -> Option<Self> {
        let most = MOST_REDUCTION * f64::from(side_of(size)?);
        let filter = |length: u32, low: f64, extent: f64| {
            let high = low + extent;
            let is_inside = low >= 0.0 && extent > 0.0 && high <= f64::from(length);
            (is_inside && extent <= most).then(|| Filter::bilinear(length, [low, high], size))
        };
        let columns = filter(image.width(), region.left, region.width)?;
        let rows = filter(image.height(), region.top, region.height)?;
        let (across, down) = (columns.span(), rows.span());
        let stride = 3 * image.width() as usize;
        let part = 3 * across.start as usize..3 * across.end as usize;
        let mut pixels = Vec::with_capacity(part.len() * down.len());
        for row in image
            .chunks_exact(stride)
            .take(down.end as usize)
            .skip(down.start as usize)
        {
            pixels.extend_from_slice(&row[part.clone()]);
        }
        Some(Self {
            pixels,
            height: down.len(),
            width: across.len(),
            rows: rows.shifted(down.start),
            columns: columns.shifted(across.start),
            is_mirrored: false,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
