//! Random changes to training pictures.

mod color;
mod crop;
mod erase;
mod jitter;
mod mix;
mod policy;
mod settings;
mod spatial;

use image::RgbImage;
use mbn_spec::Preprocess;
use rand::{Rng, RngExt};

pub(crate) use erase::erase;
pub(crate) use mix::mix;
pub use settings::{Augment, AugmentError, ColorJitter, EraseValue, Erasing, Mixing, Policy};

use crate::resize::{self, Crop, Region, ResizeError, resize_region};

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
        let (region, flips) = self.draw(image, preprocess, rng);
        let (mut resized, is_to_mirror) = self.change(image, region, flips, preprocess.size, rng)?;
        if is_to_mirror {
            mirror(&mut resized);
        }
        Ok(resized)
    }

    /// As [`Self::apply`], but what may as well come last is left to do: a flip, and the resize too if nothing but a flip
    /// comes after it.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is zero or absurd.
    pub fn crop(
        &self,
        image: &RgbImage,
        preprocess: &Preprocess,
        rng: &mut impl Rng,
    ) -> Result<Crop, ResizeError> {
        let (region, flips) = self.draw(image, preprocess, rng);
        let (crop, is_mirrored) = if self.changes_pixels() {
            let (resized, is_to_mirror) = self.change(image, region, flips, preprocess.size, rng)?;
            (Crop::resized(resized), is_to_mirror)
        } else {
            (Crop::new(image, region, preprocess.size)?, flips)
        };
        Ok(Crop { is_mirrored, ..crop })
    }

    /// The box that is taken, and whether the picture is mirrored.
    fn draw(&self, image: &RgbImage, preprocess: &Preprocess, rng: &mut impl Rng) -> (Region, bool) {
        let region = if self.crop {
            crop::draw(self, image.width(), image.height(), rng)
        } else {
            resize::region(image, preprocess)
        };
        (region, rng.random::<f32>() < self.flip)
    }

    /// Resizes a box and changes its pixels; whether it is to be mirrored yet.
    fn change(
        &self,
        image: &RgbImage,
        region: Region,
        flips: bool,
        size: usize,
        rng: &mut impl Rng,
    ) -> Result<(RgbImage, bool), ResizeError> {
        let mut resized = resize_region(image, region, size)?;
        // A policy moves pixels in directions of its own; colours are the same in a mirror.
        let is_left = flips && self.policy == Policy::None;
        if flips && !is_left {
            mirror(&mut resized);
        }
        jitter::apply(&self.color_jitter, &mut resized, rng);
        policy::apply(self.policy, &mut resized, self.fill, rng);
        Ok((resized, is_left))
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
mod tests;
