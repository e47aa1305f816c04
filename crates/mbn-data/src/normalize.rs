//! Converts RGB bytes to the network's planar float input.

use image::RgbImage;
use mbn_spec::Preprocess;

/// A table of the network's input for each byte value of each channel.
pub struct Normalizer {
    tables: [[f32; 256]; 3],
    mean: [f32; 3],
    std: [f32; 3],
}

impl Normalizer {
    /// Tabulates [`Preprocess::input_of`].
    pub fn new(preprocess: &Preprocess) -> Self {
        let value = |c: usize, byte: usize| preprocess.input_of(c, byte as u8);
        Self {
            tables: std::array::from_fn(|c| std::array::from_fn(|byte| value(c, byte))),
            mean: preprocess.mean,
            std: preprocess.std,
        }
    }

    /// Writes the normalised planes of a picture, `[3, height, width]`.
    ///
    /// # Panics
    /// If `out` does not have three values for each pixel.
    pub fn apply(&self, image: &RgbImage, out: &mut [f32]) {
        let pixels = image.as_chunks::<3>().0;
        assert_eq!(out.len(), 3 * pixels.len(), "three planes of the picture's size");
        let (red, rest) = out.split_at_mut(pixels.len());
        let (green, blue) = rest.split_at_mut(pixels.len());
        let [reds, greens, blues] = &self.tables;
        let planes = red.iter_mut().zip(green).zip(blue);
        for (&[r, g, b], ((red, green), blue)) in pixels.iter().zip(planes) {
            *red = reds[usize::from(r)];
            *green = greens[usize::from(g)];
            *blue = blues[usize::from(b)];
        }
    }

    /// The picture of normalised planes `[3, size, size]`, rounded to bytes.
    pub(crate) fn invert(&self, planes: &[f32], size: usize) -> RgbImage {
        let area = size * size;
        let byte = |c: usize, value: f32| {
            // The conversion saturates.
            ((value * self.std[c] + self.mean[c]) * 255.0).round() as u8
        };
        RgbImage::from_fn(size as u32, size as u32, |x, y| {
            let at = y as usize * size + x as usize;
            image::Rgb(std::array::from_fn(|c| byte(c, planes[c * area + at])))
        })
    }
}

/// Writes a picture as the network's input, `[3, height, width]`: `(byte / 255 - mean) / std`. For many pictures, keep
/// a [`Normalizer`] instead.
///
/// # Panics
/// If `out` does not have three values for each pixel.
pub fn normalize_into(image: &RgbImage, preprocess: &Preprocess, out: &mut [f32]) {
    Normalizer::new(preprocess).apply(image, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plane_holds_its_channel() {
        let image = RgbImage::from_fn(256, 3, |x, y| {
            image::Rgb([x as u8, (x as u8).wrapping_add(y as u8), 255 - x as u8])
        });
        let preprocess = Preprocess::default();
        let mut out = vec![f32::NAN; 3 * 256 * 3];
        normalize_into(&image, &preprocess, &mut out);
        for c in 0..3 {
            for (x, y, pixel) in image.enumerate_pixels() {
                let found = out[c * 256 * 3 + (y * 256 + x) as usize];
                let scaled = f64::from(pixel.0[c]) / 255.0;
                let expected = (scaled - f64::from(preprocess.mean[c])) / f64::from(preprocess.std[c]);
                // Two float32 roundings of values up to 2.7.
                assert!((f64::from(found) - expected).abs() < 1e-6, "{c} {x} {y}");
            }
        }
    }

    /// A graph that takes its input for whole numbers would see others in numbers a hair below.
    #[test]
    fn bytes_stay_whole_numbers() {
        let preprocess = Preprocess {
            mean: [0.0; 3],
            std: [1.0 / 255.0; 3],
            ..Preprocess::default()
        };
        let image = RgbImage::from_fn(256, 1, |x, _| image::Rgb([x as u8; 3]));
        let mut out = vec![f32::NAN; 3 * 256];
        normalize_into(&image, &preprocess, &mut out);
        let expected: Vec<f32> = (0..3 * 256).map(|i| (i % 256) as f32).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn inverting_restores_the_picture() {
        let image = RgbImage::from_fn(16, 16, |x, y| {
            image::Rgb([(16 * y + x) as u8, (x * 17) as u8, 255 - x as u8])
        });
        let normalizer = Normalizer::new(&Preprocess::default());
        let mut out = vec![0.0; 3 * 256];
        normalizer.apply(&image, &mut out);
        assert_eq!(normalizer.invert(&out, 16), image);
    }

    #[test]
    #[should_panic(expected = "three planes")]
    fn refuses_a_buffer_of_another_size() {
        normalize_into(&RgbImage::new(2, 2), &Preprocess::default(), &mut [0.0; 11]);
    }
}
