//! Operations on the colours of single pixels, in place. Values equal those of Pillow's `ImageEnhance` and `ImageOps`,
//! which torchvision calls.

use image::RgbImage;

use crate::grey::luminance;

/// The new value for each byte of each channel.
type Tables = [[u8; 256]; 3];

/// Multiplies all values.
pub(super) fn brightness(image: &mut RgbImage, factor: f32) {
    let table = std::array::from_fn(|value| blend(0, value as u8, factor));
    replace(image, &[table; 3]);
}

/// Multiplies the differences from the mean luminance, which is rounded to a byte.
pub(super) fn contrast(image: &mut RgbImage, factor: f32) {
    let pixels = image.as_chunks::<3>().0;
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(luminance(pixel))).sum();
    let mean = (sum as f64 / pixels.len().max(1) as f64 + 0.5) as u8;
    let table = std::array::from_fn(|value| blend(mean, value as u8, factor));
    replace(image, &[table; 3]);
}

/// Multiplies the differences from each pixel's luminance.
pub(super) fn saturation(image: &mut RgbImage, factor: f32) {
    for pixel in image.as_chunks_mut::<3>().0 {
        let grey = luminance(*pixel);
        *pixel = pixel.map(|value| blend(grey, value, factor));
    }
}

/// Rotates the hue by a fraction of the colour circle, in Pillow's HSV with one byte per channel.
pub(super) fn hue(image: &mut RgbImage, turn: f32) {
    // Truncates towards zero, then wraps around the circle.
    let turn = (f64::from(turn) * 255.0) as i32 as u8;
    for pixel in image.as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = to_rgb([hue.wrapping_add(turn), saturation, value]);
    }
}

/// Keeps the highest `bits` bits of each value.
pub(super) fn posterize(image: &mut RgbImage, bits: u32) {
    let mask = (0xff00u32 >> bits.min(8)) as u8;
    for value in image.iter_mut() {
        *value &= mask;
    }
}

/// Inverts values at or above a threshold.
pub(super) fn solarize(image: &mut RgbImage, threshold: f32) {
    for value in image.iter_mut() {
        if f32::from(*value) >= threshold {
            *value = !*value;
        }
    }
}

/// Stretches each channel to the whole range.
pub(super) fn autocontrast(image: &mut RgbImage) {
    let tables = histograms(image).map(|histogram| {
        let low = histogram.iter().position(|&count| count > 0).unwrap_or(0);
        let high = histogram.iter().rposition(|&count| count > 0).unwrap_or(0);
        if high <= low {
            return std::array::from_fn(|value| value as u8);
        }
        let scale = 255.0 / (high - low) as f64;
        let offset = -(low as f64) * scale;
        // The conversion truncates towards zero and saturates.
        std::array::from_fn(|value| (value as f64 * scale + offset) as u8)
    });
    replace(image, &tables);
}

/// Makes the histogram of each channel as flat as possible.
pub(super) fn equalize(image: &mut RgbImage) {
    let tables = histograms(image).map(|histogram| {
        let last = histogram.iter().rposition(|&count| count > 0).unwrap_or(0);
        let step = histogram[..last].iter().sum::<usize>() / 255;
        if step == 0 {
            return std::array::from_fn(|value| value as u8);
        }
        let mut below = step / 2;
        std::array::from_fn(|value| {
            let level = (below / step).min(255) as u8;
            below += histogram[value];
            level
        })
    });
    replace(image, &tables);
}

/// Interpolates from `base` (factor 0) to `value` (factor 1) and extrapolates beyond.
pub(super) fn blend(base: u8, value: u8, factor: f32) -> u8 {
    let difference = i16::from(value) - i16::from(base);
    // The conversion truncates towards zero and saturates.
    (f32::from(base) + factor * f32::from(difference)) as u8
}

fn replace(image: &mut RgbImage, [reds, greens, blues]: &Tables) {
    for [r, g, b] in image.as_chunks_mut::<3>().0 {
        *r = reds[usize::from(*r)];
        *g = greens[usize::from(*g)];
        *b = blues[usize::from(*b)];
    }
}

fn histograms(image: &RgbImage) -> [[usize; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in image.as_chunks::<3>().0 {
        for (counts, value) in counts.iter_mut().zip(pixel) {
            counts[usize::from(*value)] += 1;
        }
    }
    counts
}

fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (low, high) = (r.min(g).min(b), r.max(g).max(b));
    if low == high {
        return [0, 0, high];
    }
    let range = f32::from(high - low);
    let [rc, gc, bc] = [r, g, b].map(|value| f32::from(high - value) / range);
    let sector = if r == high {
        bc - gc
    } else if g == high {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let hue = ((f64::from(sector) / 6.0 + 1.0) % 1.0) as f32;
    let saturation = range / f32::from(high);
    [
        (f64::from(hue) * 255.0) as u8,
        (f64::from(saturation) * 255.0) as u8,
        high,
    ]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let saturation = f32::from(saturation) / 255.0;
    let sector = f32::from(hue) * 6.0 / 255.0;
    let within = sector - sector.floor();
    let byte = |part: f32| (f32::from(value) * part).round() as u8;
    let p = byte(1.0 - saturation);
    let q = byte(1.0 - saturation * within);
    let t = byte(1.0 - saturation * (1.0 - within));
    match sector as u8 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
