//! Random changes to training pictures.

mod crop;
mod mix;
mod settings;

use image::RgbImage;
use mbn_spec::Preprocess;
use rand::{Rng, RngExt};

pub(crate) use mix::mix;
pub use settings::{Augment, AugmentError, ColorJitter, EraseValue, Erasing, Mixing, Policy};

use crate::resize::{self, ResizeError, resize_region};

impl Augment {
    /// A picture changed at random and brought to `preprocess.size` a side. Erasing, which belongs after the
    /// normalisation, and mixing, which takes a batch, are not part of it.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is zero or absurd.
    pub fn apply(
        &self,
        image: &RgbImage,
        preprocess: &Preprocess,
        rng: &mut impl Rng,
    ) -> Result<RgbImage, ResizeError> {
        let mut resized = if self.crop {
            let region = crop::draw(self, image.width(), image.height(), rng);
            resize_region(image, region, preprocess.size)?
        } else {
            resize::apply(image, preprocess)?
        };
        if rng.random::<f32>() < self.flip {
            mirror(&mut resized);
        }
        Ok(resized)
    }
}

/// A value drawn uniformly.
fn between(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

fn mirror(image: &mut RgbImage) {
    let row = 3 * image.width() as usize;
    for row in image.chunks_exact_mut(row) {
        row.as_chunks_mut::<3>().0.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::sample_stream;

    #[test]
    fn flips_as_often_as_asked() {
        let image = RgbImage::from_fn(32, 32, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let preprocess = Preprocess {
            size: 32,
            ..Preprocess::default()
        };
        let count = |flip| {
            let augment = Augment {
                flip,
                ..Augment::none()
            };
            let flipped = |index| {
                let made = augment
                    .apply(&image, &preprocess, &mut sample_stream(5, 0, index))
                    .unwrap();
                if made == image {
                    return false;
                }
                assert_eq!(made, image::imageops::flip_horizontal(&image));
                true
            };
            (0..1000).filter(|&index| flipped(index)).count()
        };
        assert_eq!(count(0.0), 0);
        assert_eq!(count(1.0), 1000);
        // Five standard deviations of a binomial with 1000 draws.
        assert!((420..580).contains(&count(0.5)));
    }
}
