//! Filters that do not widen with the reduction: each result hangs on the one or the four pixels nearest to it, and all others
//! are left out.

use std::array;

use image::{Rgb, RgbImage};

use super::grid::Grid;
use super::region::Region;

/// Most results before those that are wanted whose positions are added up. Beyond, in pictures millions of times longer than high, the
/// position of the first is computed at once, which rounds otherwise.
const MOST_ADDED: u32 = 1 << 20;

/// Resizes a box of a picture that has pixels to side x side with Pillow's `NEAREST`, to the bit.
pub(super) fn nearest(image: &RgbImage, region: Region, side: u32) -> RgbImage {
    let columns = nearest_places(image.width(), region.left, region.width, side);
    let rows = nearest_places(image.height(), region.top, region.height, side);
    RgbImage::from_fn(side, side, |x, y| {
        *image.get_pixel(columns[x as usize], rows[y as usize])
    })
}

/// The pixel that each result takes, for the part of `extent` pixels that starts at `low` on an axis of `length` pixels.
fn nearest_places(length: u32, low: f64, extent: f64, side: u32) -> Vec<u32> {
    let grid = Grid::new(length, low, extent, side);
    // Pillow adds up the positions: their rounding decides where one lies on the edge of two pixels.
    let mut position = grid.low + grid.step * 0.5;
    let mut skipped = grid.skipped;
    if skipped > MOST_ADDED {
        position += grid.step * f64::from(skipped);
        skipped = 0;
    }
    let positions = std::iter::from_fn(|| {
        let place = (position as u32).min(length - 1);
        position += grid.step;
        Some(place)
    });
    positions.skip(skipped as usize).take(side as usize).collect()
}

/// Resizes a box of a picture that has pixels to side x side, bilinearly between the four pixels nearest to each result. It
/// rounds once, to the nearest byte.
pub(super) fn bilinear(image: &RgbImage, region: Region, side: u32) -> RgbImage {
    let columns = between(image.width(), region.left, region.width, side);
    let rows = between(image.height(), region.top, region.height, side);
    RgbImage::from_fn(side, side, |x, y| {
        let ((left, right, across), (top, bottom, down)) = (columns[x as usize], rows[y as usize]);
        let row = |y| {
            let [left, right] = [left, right].map(|x| image.get_pixel(x, y).0);
            array::from_fn::<_, 3, _>(|c| mix(left[c].into(), right[c].into(), across))
        };
        let (top, bottom) = (row(top), row(bottom));
        Rgb(array::from_fn(|c| mix(top[c], bottom[c], down).round() as u8))
    })
}

/// The two pixels that each result lies between, and how far it is from the first of them, 0 to 1.
fn between(length: u32, low: f64, extent: f64, side: u32) -> Vec<(u32, u32, f32)> {
    let grid = Grid::new(length, low, extent, side);
    let last = length - 1;
    let places = (0..side).map(|i| {
        // Pixels' values hold at their centres; beyond the outermost ones the picture goes on unchanged.
        let position = (grid.centre(i) - 0.5).clamp(0.0, last.into());
        let first = position as u32;
        (first, (first + 1).min(last), (position - f64::from(first)) as f32)
    });
    places.collect()
}

fn mix(one: f32, other: f32, share: f32) -> f32 {
    one + (other - one) * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resize::region::whole;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let value = (x + 57 * y).wrapping_mul(2_654_435_761) >> 8;
            let [r, g, b, _] = value.to_le_bytes();
            Rgb([r, g, b])
        })
    }

    /// The value at a place between the centres of pixels, in float64.
    fn at(image: &RgbImage, x: f64, y: f64, c: usize) -> f64 {
        let last = |length: u32| f64::from(length - 1);
        let (x, y) = (
            x.clamp(0.0, last(image.width())),
            y.clamp(0.0, last(image.height())),
        );
        let mut sum = 0.0;
        for (column, row, pixel) in image.enumerate_pixels() {
            let near = |place: f64, pixel: u32| (1.0 - (place - f64::from(pixel)).abs()).max(0.0);
            sum += near(x, column) * near(y, row) * f64::from(pixel.0[c]);
        }
        sum
    }

    #[test]
    fn bilinear_is_the_value_between_the_nearest_pixels() {
        for (width, height) in [(1, 1), (1, 9), (31, 7), (13, 40), (16, 16)] {
            let image = picture(width, height);
            for (region, side) in [
                (whole(&image), 4),
                (whole(&image), 13),
                (
                    Region {
                        left: f64::from(width) / 4.0,
                        width: f64::from(width) / 2.0,
                        ..whole(&image)
                    },
                    5,
                ),
            ] {
                let resized = bilinear(&image, region, side);
                for (i, j, pixel) in resized.enumerate_pixels() {
                    let place = |low: f64, extent: f64, i: u32| {
                        low + (f64::from(i) + 0.5) * extent / f64::from(side) - 0.5
                    };
                    let (x, y) = (
                        place(region.left, region.width, i),
                        place(region.top, region.height, j),
                    );
                    for c in 0..3 {
                        let expected = at(&image, x, y, c);
                        // Half a level of rounding, and what float32 adds.
                        let apart = (f64::from(pixel.0[c]) - expected).abs();
                        assert!(
                            apart <= 0.5001,
                            "{width} x {height} to {side} at {i}, {j}: {expected}, found {pixel:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn neither_filter_widens() {
        // Stripes of one pixel: an antialiased reduction would make them grey.
        let image = RgbImage::from_fn(90, 90, |x, _| Rgb([if x % 3 == 1 { 255 } else { 0 }; 3]));
        for resized in [
            nearest(&image, whole(&image), 30),
            bilinear(&image, whole(&image), 30),
        ] {
            assert!(resized.pixels().all(|pixel| pixel.0 == [255; 3]));
        }
    }
}
