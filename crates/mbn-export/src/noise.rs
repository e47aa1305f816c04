//! Pictures of noise.

use image::RgbImage;
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

    /// The pictures.
    pub(crate) fn images(&self) -> Vec<RgbImage> {
        let (plane, side) = (self.plane(), self.plane().isqrt() as u32);
        let image = |planes: &[u8]| {
            RgbImage::from_fn(side, side, |x, y| {
                let at = (y * side + x) as usize;
                image::Rgb([planes[at], planes[plane + at], planes[2 * plane + at]])
            })
        };
        self.planes.chunks_exact(3 * plane).map(image).collect()
    }

    fn plane(&self) -> usize {
        self.planes.len() / (3 * self.n)
    }
}

/// `n` pictures of `size` x `size` with nothing but the smallest and the largest byte, always the same: with weights of eight bits,
/// sums of two products would saturate on processors without VNNI.
pub(crate) fn extremes(n: usize, size: usize) -> Vec<RgbImage> {
    let mut rng = Pcg64Mcg::seed_from_u64(n as u64);
    let side = size as u32;
    let mut picture = || {
        RgbImage::from_fn(side, side, |_, _| {
            image::Rgb(std::array::from_fn(|_| 255 * rng.random_range(0..=1u8)))
        })
    };
    (0..n).map(|_| picture()).collect()
}

/// `n` pictures of `width` x `height`, always the same: blocks of colour under fine noise, so that something is left of them
/// once they are resized.
pub(crate) fn blocks(n: usize, width: u32, height: u32) -> Vec<RgbImage> {
    const BLOCK: u32 = 12;
    let mut rng = Pcg64Mcg::seed_from_u64(u64::from(width) << 32 | u64::from(height));
    let (columns, rows) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
    let mut picture = || {
        let colours: Vec<[u8; 3]> = (0..columns * rows)
            .map(|_| std::array::from_fn(|_| rng.random_range(24..=231u8)))
            .collect();
        RgbImage::from_fn(width, height, |x, y| {
            let colour = colours[(y / BLOCK * columns + x / BLOCK) as usize];
            image::Rgb(colour.map(|level| rng.random_range(level - 24..=level + 24)))
        })
    };
    (0..n).map(|_| picture()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_differ_and_are_always_the_same() {
        let images = Noise::new(3, 8).images();
        assert_eq!(images, Noise::new(3, 8).images());
        assert!(images[0] != images[1] && images[1] != images[2]);
        let blocks = blocks(2, 50, 31);
        assert_eq!(blocks, super::blocks(2, 50, 31));
        assert_eq!(
            (blocks[0].dimensions(), blocks[0] == blocks[1]),
            ((50, 31), false)
        );
    }
}
