//! Random changes to training pictures. The settings say which; each kind of change has a file.

mod color;
mod erase;
mod jitter;
mod mix;
mod operation;
mod policy;
mod resized_crop;
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
    /// Changes a picture at random and resizes it to `preprocess.size` a side. Excludes erasing, which comes after
    /// normalisation, and mixing, which needs a batch.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is not in 1 to 4096.
    pub fn apply(
        &self,
        image: &RgbImage,
        preprocess: &Preprocess,
        rng: &mut impl Rng,
    ) -> Result<RgbImage, ResizeError> {
        let (region, flips) = self.draw(image, preprocess, rng);
        let (mut resized, must_mirror) = self.change(image, region, flips, preprocess, rng)?;
        if must_mirror {
            mirror(&mut resized);
        }
        Ok(resized)
    }

    /// Like [`Self::apply`], but leaves to the device what can come last: the flip, and also the resize if only the
    /// flip comes after it.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is not in 1 to 4096.
    pub fn crop(
        &self,
        image: &RgbImage,
        preprocess: &Preprocess,
        rng: &mut impl Rng,
    ) -> Result<Crop, ResizeError> {
        let (region, flips) = self.draw(image, preprocess, rng);
        let (crop, is_mirrored) = if self.changes_pixels() {
            let (resized, must_mirror) = self.change(image, region, flips, preprocess, rng)?;
            (Crop::resized(resized), must_mirror)
        } else {
            (
                Crop::new(image, region, preprocess.size, preprocess.interpolation)?,
                flips,
            )
        };
        Ok(Crop { is_mirrored, ..crop })
    }

    /// Draws the box of the crop and whether to mirror it.
    fn draw(&self, image: &RgbImage, preprocess: &Preprocess, rng: &mut impl Rng) -> (Region, bool) {
        let region = if self.crop {
            resized_crop::draw(self, image.width(), image.height(), rng)
        } else {
            resize::region(image, preprocess)
        };
        (region, rng.random::<f32>() < self.flip)
    }

    /// Resizes a box and changes its pixels. Returns whether the result must still be mirrored.
    fn change(
        &self,
        image: &RgbImage,
        region: Region,
        flips: bool,
        preprocess: &Preprocess,
        rng: &mut impl Rng,
    ) -> Result<(RgbImage, bool), ResizeError> {
        let mut resized = resize_region(image, region, preprocess.size, preprocess.interpolation)?;
        // Jitter commutes with mirroring. A policy does not: it moves pixels in random directions.
        let can_wait = flips && self.policy == Policy::None;
        if flips && !can_wait {
            mirror(&mut resized);
        }
        jitter::apply(&self.color_jitter, &mut resized, rng);
        policy::apply(self.policy, &mut resized, self.fill, rng);
        Ok((resized, can_wait))
    }
}

fn mirror(image: &mut RgbImage) {
    let row = 3 * image.width() as usize;
    for row in image.chunks_exact_mut(row) {
        row.as_chunks_mut::<3>().0.reverse();
    }
}

#[cfg(test)]
mod tests;
