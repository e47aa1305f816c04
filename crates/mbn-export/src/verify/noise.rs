//! Pictures of noise, in the forms that networks take.

use mbn_engine::images::{PixelBuffer, PixelType};
use mbn_spec::Preprocess;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Pictures of random bytes around a random colour, all different.
pub(crate) struct Noise {
    n: usize,
    /// `[n, 3, size, size]`.
    planes: Vec<u8>,
}

impl Noise {
    /// `n` pictures of `size` x `size`, always the same.
    pub(crate) fn new(n: usize, size: usize) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(n as u64);
        let plane = size * size;
        let mut planes = Vec::with_capacity(n * 3 * plane);
        for _ in 0..n * 3 {
            let (centre, spread) = (rng.random_range(64..=191u8), rng.random_range(16..=64u8));
            planes.extend((0..plane).map(|_| rng.random_range(centre - spread..=centre + spread)));
        }
        Self { n, planes }
    }

    /// The pictures as a network with this kind of input takes them.
    pub(crate) fn pixels(&self, pixel_type: PixelType, preprocess: &Preprocess) -> PixelBuffer {
        match pixel_type {
            PixelType::Float => PixelBuffer::Float(self.normalised(preprocess)),
            PixelType::Uint8 => PixelBuffer::Uint8(self.interleaved()),
        }
    }

    /// `[n, 3, size, size]`.
    pub(crate) fn normalised(&self, preprocess: &Preprocess) -> Vec<f32> {
        let plane = self.plane();
        let values = self.planes.iter().enumerate().map(|(i, &byte)| {
            let (scale, offset) = preprocess.affine(i / plane % 3);
            f32::from(byte) * scale + offset
        });
        values.collect()
    }

    /// `[n, size, size, 3]`.
    fn interleaved(&self) -> Vec<u8> {
        let plane = self.plane();
        let values = (0..self.planes.len()).map(|i| {
            let (picture, pixel, c) = (i / (3 * plane), i / 3 % plane, i % 3);
            self.planes[(3 * picture + c) * plane + pixel]
        });
        values.collect()
    }

    fn plane(&self) -> usize {
        self.planes.len() / (3 * self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANE: usize = 64;

    #[test]
    fn pictures_differ_and_both_forms_hold_the_same() {
        let noise = Noise::new(3, 8);
        let preprocess = Preprocess::default();
        let floats = noise.normalised(&preprocess);
        let PixelBuffer::Uint8(bytes) = noise.pixels(PixelType::Uint8, &preprocess) else {
            panic!("these are floats");
        };
        assert_eq!((floats.len(), bytes.len()), (3 * 3 * PLANE, 3 * 3 * PLANE));
        for (i, &value) in floats.iter().enumerate() {
            let (picture, c, pixel) = (i / (3 * PLANE), i / PLANE % 3, i % PLANE);
            let byte = bytes[(picture * PLANE + pixel) * 3 + c];
            let (scale, offset) = preprocess.affine(c);
            assert_eq!(value, f32::from(byte) * scale + offset);
        }
        assert_ne!(bytes[..3 * PLANE], bytes[3 * PLANE..6 * PLANE]);
    }
}
