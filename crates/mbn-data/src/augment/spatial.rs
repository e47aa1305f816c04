//! Operations that move pixels or read their neighbours, like Pillow's: nearest-neighbour affine transformations and
//! sharpness.
//!
//! Image crates place pixel centres and round differently. Only Pillow's 16.16 fixed point gives torchvision's results
//! to the byte; it is also the fastest way.

use std::cell::RefCell;

use image::RgbImage;

use super::color::blend;

thread_local! {
    /// The picture before the operation.
    static BEFORE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// `[a, b, c, d, e, f]`: the pixel at `(x, y)` comes from `(a x + b y + c, d x + e y + f)`.
type Affine = [f64; 6];

/// Shears along rows.
pub(super) fn shear_x(image: &mut RgbImage, amount: f64, fill: [u8; 3]) {
    affine(image, [1.0, amount, 0.0, 0.0, 1.0, 0.0], fill);
}

/// Shears along columns.
pub(super) fn shear_y(image: &mut RgbImage, amount: f64, fill: [u8; 3]) {
    affine(image, [1.0, 0.0, 0.0, amount, 1.0, 0.0], fill);
}

/// Moves right and down by whole pixels.
pub(super) fn translate(image: &mut RgbImage, right: i32, down: i32, fill: [u8; 3]) {
    affine(
        image,
        [1.0, 0.0, -f64::from(right), 0.0, 1.0, -f64::from(down)],
        fill,
    );
}

/// Rotates about the centre, counter-clockwise.
pub(super) fn rotate(image: &mut RgbImage, degrees: f64, fill: [u8; 3]) {
    let (sin, cos) = (-degrees).to_radians().sin_cos();
    let (x, y) = (f64::from(image.width()) / 2.0, f64::from(image.height()) / 2.0);
    let matrix = [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y];
    affine(image, matrix, fill);
}

fn affine(image: &mut RgbImage, [a, b, c, d, e, f]: Affine, fill: [u8; 3]) {
    let fixed = |value: f64| (value * 65_536.0 + 0.5).floor() as i64;
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    // Pixel centres lie at halves.
    let start_x = fixed(c + a * 0.5 + b * 0.5);
    let start_y = fixed(f + d * 0.5 + e * 0.5);
    let (a, b, d, e) = (fixed(a), fixed(b), fixed(d), fixed(e));
    with_before(image, |before, image| {
        let before = before.as_chunks::<3>().0;
        let rows = image.chunks_exact_mut(3 * width as usize);
        for (row, y) in rows.zip(0i64..) {
            let (mut from_x, mut from_y) = (start_x + b * y, start_y + e * y);
            for pixel in row.as_chunks_mut::<3>().0 {
                let (x, y) = (from_x >> 16, from_y >> 16);
                *pixel = match (0..width).contains(&x) && (0..height).contains(&y) {
                    true => before[(y * width + x) as usize],
                    false => fill,
                };
                from_x += a;
                from_y += d;
            }
        }
    });
}

/// Multiplies the differences from a smoothed picture. Pixels at the edge keep their values.
pub(super) fn sharpness(image: &mut RgbImage, factor: f32) {
    let row = 3 * image.width() as usize;
    if image.width() < 3 || image.height() < 3 {
        return;
    }
    with_before(image, |before, image| {
        let inner = image.chunks_exact_mut(row).skip(1);
        for (out, rows) in inner.zip(before.windows(3 * row).step_by(row)) {
            let (above, rest) = rows.split_at(row);
            let (own, below) = rest.split_at(row);
            for at in 3..row - 3 {
                let sum: u32 = [above, own, below]
                    .iter()
                    .flat_map(|line| [line[at - 3], line[at], line[at + 3]])
                    .map(u32::from)
                    .sum();
                // The centre counts five times, its eight neighbours once; the mean is rounded to nearest.
                let smooth = (2 * (sum + 4 * u32::from(own[at])) + 13) / 26;
                out[at] = blend(smooth as u8, own[at], factor);
            }
        }
    });
}

fn with_before(image: &mut RgbImage, change: impl FnOnce(&[u8], &mut RgbImage)) {
    BEFORE.with_borrow_mut(|before| {
        before.clear();
        before.extend_from_slice(image);
        change(before, image);
    });
}
