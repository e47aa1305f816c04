//! The part of a picture that is to be resized where the network runs.

use image::RgbImage;

use super::{Filter, Region, ResizeError, resize_region, side_of};

/// How far a device reduces a picture, in either direction. Up to here it reads five pixels each way, and at 224 x 224
/// a picture is at most 940 KB: copied at 25 GB/s, the time that a training step's kernels need for it at least. Most
/// photographs are smaller. Of larger ones the processor's time goes to decoding, to which reducing them, with less
/// to copy afterwards, adds little.
const MOST_REDUCTION: f64 = 2.5;

/// The part of a picture that becomes `[size, size, 3]`, with the filters that make it so: first the rows are resized
/// and rounded to bytes, then the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crop {
    /// `[height, width, 3]`
    pub pixels: Vec<u8>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Makes `size` rows of `height`.
    pub rows: Filter,
    /// Makes `size` columns of `width`.
    pub columns: Filter,
    /// Whether the result is to be mirrored from left to right.
    pub is_mirrored: bool,
}

impl Crop {
    /// A box of a picture; where it is much larger than the result, what the CPU makes of it.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is zero or absurd.
    pub(crate) fn new(image: &RgbImage, region: Region, size: usize) -> Result<Self, ResizeError> {
        match Self::unresized(image, region, size) {
            Some(crop) => Ok(crop),
            None => Ok(Self::resized(resize_region(image, region, size)?)),
        }
    }

    /// A picture that has its size.
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

    /// `None` where the CPU is to resize, or to say why that cannot be done.
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
