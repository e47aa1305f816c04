//! Which images' outputs are compared with candle's, and the floats that candle takes for them.

use std::borrow::Cow;

use anyhow::Result;
use image::RgbImage;
use mbn_data::{Normalizer, resize};
use mbn_engine::images::Pixels;
use mbn_engine::parity::Parity;
use mbn_spec::Preprocess;

use crate::options::ParityScope;

/// The comparison of the images in a scope.
pub struct Check {
    parity: Parity,
    scope: ParityScope,
    preprocess: Preprocess,
    normalizer: Normalizer,
}

impl Check {
    /// A check of the images in `scope`. `preprocess` makes candle's floats from a network's bytes.
    pub fn new(parity: Parity, scope: ParityScope, preprocess: &Preprocess) -> Self {
        Self {
            parity,
            scope,
            preprocess: *preprocess,
            normalizer: Normalizer::new(preprocess),
        }
    }

    /// Whether the next images are in the scope.
    pub fn is_wanted(&self) -> bool {
        match self.scope {
            ParityScope::Off => false,
            ParityScope::First => self.parity.differences().images == 0,
            ParityScope::All => true,
        }
    }

    /// Compares the outputs `found` for `n` images, if they are in the scope.
    ///
    /// # Errors
    /// As [`Parity::compare`].
    pub fn compare(&mut self, images: Pixels<'_>, n: usize, found: &[f32]) -> Result<()> {
        if self.is_wanted() {
            let floats = self.floats(images)?;
            self.parity.compare(&floats, n, found)?;
        }
        Ok(())
    }

    /// What candle takes: `[n, 3, size, size]`, normalised.
    fn floats<'a>(&self, images: Pixels<'a>) -> Result<Cow<'a, [f32]>> {
        let size = self.preprocess.size;
        let (side, len) = (size as u32, 3 * size * size);
        let bytes = match images {
            Pixels::Float(values) => return Ok(values.into()),
            Pixels::Uint8(bytes) => bytes,
            Pixels::Pictures(pictures) => {
                let mut floats = vec![0.0; pictures.len() * len];
                for (picture, slot) in pictures.iter().zip(floats.chunks_exact_mut(len)) {
                    let (width, height) = (picture.width as u32, picture.height as u32);
                    if let Some(image) = RgbImage::from_raw(width, height, picture.bytes.clone()) {
                        self.normalizer.apply(&resize(&image, &self.preprocess)?, slot);
                    }
                }
                return Ok(floats.into());
            }
        };
        let mut floats = vec![0.0; bytes.len()];
        for (image, slot) in bytes.chunks_exact(len).zip(floats.chunks_exact_mut(len)) {
            if let Some(image) = RgbImage::from_raw(side, side, image.to_vec()) {
                self.normalizer.apply(&image, slot);
            }
        }
        Ok(floats.into())
    }

    /// The comparison so far.
    pub fn parity(&self) -> &Parity {
        &self.parity
    }
}

#[cfg(test)]
mod tests {
    use mbn_engine::engine::{CandleEngine, Engine};
    use mbn_engine::parity::Tolerance;

    use super::*;

    const SIZE: usize = 32;

    fn candle() -> CandleEngine {
        CandleEngine::new(&crate::builtin::weights().unwrap().fold()).unwrap()
    }

    fn preprocess() -> Preprocess {
        Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }
    }

    fn check(scope: ParityScope) -> Check {
        let parity = Parity::new(candle(), Tolerance::absolute(1e-4), false);
        Check::new(parity, scope, &preprocess())
    }

    /// candle gets the floats that normalising the picture itself gives.
    #[test]
    fn bytes_are_normalised_for_candle() {
        let picture = RgbImage::from_fn(SIZE as u32, SIZE as u32, |x, y| {
            image::Rgb([8 * x as u8, 8 * y as u8, (x * y) as u8])
        });
        let mut floats = vec![0.0; 3 * SIZE * SIZE];
        mbn_data::normalize_into(&picture, &preprocess(), &mut floats);
        let check = check(ParityScope::All);
        assert_eq!(check.floats(Pixels::Uint8(picture.as_raw())).unwrap(), floats);
    }

    #[test]
    fn the_first_batch_is_compared_once() {
        let values = vec![0.5; 3 * SIZE * SIZE];
        let images = Pixels::Float(&values);
        let mut found = candle().logits(images, 1).unwrap();
        let mut check = check(ParityScope::First);
        check.compare(images, 1, &found).unwrap();
        found[0] += 1.0;
        check.compare(images, 1, &found).unwrap();
        assert!(check.parity().passed());
        assert_eq!(check.parity().differences().images, 1);
    }
}
