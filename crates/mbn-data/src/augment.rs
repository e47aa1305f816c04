//! Random changes to training pictures: a resized crop and a horizontal flip.

use image::RgbImage;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::resize::{Region, ResizeError, resize_region};

/// How often a box is drawn before the centre is taken.
const ATTEMPTS: usize = 10;

/// What happens to a training picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Smallest and largest part of the picture's area that the crop takes.
    pub scale: [f32; 2],
    /// Smallest and largest aspect ratio (width / height) of the crop.
    pub ratio: [f32; 2],
    /// Probability of mirroring left and right.
    pub flip: f32,
}

/// Augmentation parameters that cannot be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("augmentation `{parameter}` is {found}, expected {expected}")]
pub struct AugmentError {
    /// The parameter.
    pub parameter: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            scale: [0.35, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip: 0.5,
        }
    }
}

impl Augment {
    /// Refuses ranges that hold no crop, and probabilities outside 0 to 1.
    ///
    /// # Errors
    /// [`AugmentError`] naming the first parameter that is wrong.
    pub fn validate(&self) -> Result<(), AugmentError> {
        let error = |parameter, found: &dyn std::fmt::Debug, expected| AugmentError {
            parameter,
            found: format!("{found:?}"),
            expected,
        };
        let [low, high] = self.scale;
        if !(0.0 < low && low <= high && high <= 1.0) {
            return Err(error(
                "scale",
                &self.scale,
                "[low, high] with 0 < low <= high <= 1",
            ));
        }
        let [low, high] = self.ratio;
        if !(0.0 < low && low <= high && high.is_finite()) {
            return Err(error("ratio", &self.ratio, "[low, high] with 0 < low <= high"));
        }
        if !(0.0..=1.0).contains(&self.flip) {
            return Err(error("flip", &self.flip, "a probability from 0 to 1"));
        }
        Ok(())
    }

    /// A randomly chosen box of the picture, resized to size x size in one step, and perhaps mirrored.
    ///
    /// # Errors
    /// [`ResizeError`] if the picture has no pixels or the size is zero or absurd.
    pub fn apply(&self, image: &RgbImage, size: usize, rng: &mut impl Rng) -> Result<RgbImage, ResizeError> {
        let region = self.draw_region(image.width(), image.height(), rng);
        let flip = rng.random::<f32>() < self.flip;
        let mut resized = resize_region(image, region, size)?;
        if flip {
            mirror(&mut resized);
        }
        Ok(resized)
    }

    /// A box of a random area and a log-uniform aspect ratio, as torchvision's `RandomResizedCrop` draws it.
    fn draw_region(&self, width: u32, height: u32, rng: &mut impl Rng) -> Region {
        let area = f64::from(width) * f64::from(height);
        let [low, high] = self.ratio.map(|ratio| f64::from(ratio).ln());
        for _ in 0..ATTEMPTS {
            let target = area * between(rng, self.scale.map(f64::from));
            let ratio = between(rng, [low, high]).exp();
            let w = (target * ratio).sqrt().round_ties_even() as u32;
            let h = (target / ratio).sqrt().round_ties_even() as u32;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let left = rng.random_range(0..=width - w);
                let top = rng.random_range(0..=height - h);
                return Region {
                    left: left.into(),
                    top: top.into(),
                    width: w.into(),
                    height: h.into(),
                };
            }
        }
        self.centre_region(width, height)
    }

    /// The largest centred box whose aspect ratio is allowed.
    fn centre_region(&self, width: u32, height: u32) -> Region {
        let (w, h) = (f64::from(width), f64::from(height));
        let [low, high] = self.ratio.map(f64::from);
        let (width, height) = match w / h {
            ratio if ratio < low => (w, (w / low).round_ties_even().clamp(1.0, h)),
            ratio if ratio > high => ((h * high).round_ties_even().clamp(1.0, w), h),
            _ => (w, h),
        };
        Region {
            left: ((w - width) / 2.0).floor(),
            top: ((h - height) / 2.0).floor(),
            width,
            height,
        }
    }
}

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
    use proptest::prelude::*;

    use super::*;
    use crate::random::sample_stream;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]))
    }

    proptest! {
        #[test]
        fn boxes_lie_in_the_picture(width in 1u32..600, height in 1u32..600, index in 0usize..1000) {
            let augment = Augment::default();
            let region = augment.draw_region(width, height, &mut sample_stream(0, 0, index));
            prop_assert!(region.left >= 0.0 && region.top >= 0.0);
            prop_assert!(region.width >= 1.0 && region.height >= 1.0);
            prop_assert!(region.left + region.width <= f64::from(width));
            prop_assert!(region.top + region.height <= f64::from(height));
        }
    }

    #[test]
    fn areas_and_ratios_are_those_asked_for() {
        let augment = Augment::default();
        let area = 500.0 * 400.0;
        let mut areas = Vec::new();
        for index in 0..2000 {
            let region = augment.draw_region(500, 400, &mut sample_stream(3, 1, index));
            areas.push(region.width * region.height / area);
            let ratio = region.width / region.height;
            // A side is rounded to a whole pixel.
            assert!((0.74..1.35).contains(&ratio), "{ratio}");
        }
        let (low, high) = areas
            .iter()
            .fold((1.0f64, 0.0f64), |(l, h), &a| (l.min(a), h.max(a)));
        let least = f64::from(augment.scale[0]);
        assert!((least - 0.01..least + 0.02).contains(&low), "{low}");
        assert!((0.95..=1.0).contains(&high), "{high}");
    }

    #[test]
    fn a_picture_that_holds_no_box_gives_its_centre() {
        let region = Augment::default().draw_region(1, 1000, &mut sample_stream(0, 0, 0));
        assert_eq!((region.left, region.top), (0.0, 499.0));
        assert_eq!((region.width, region.height), (1.0, 1.0));
    }

    #[test]
    fn flips_as_often_as_asked() {
        let image = picture(32, 32);
        let whole = |flip| Augment {
            scale: [1.0, 1.0],
            ratio: [1.0, 1.0],
            flip,
        };
        let count = |augment: Augment| {
            let flipped = |index| {
                let made = augment
                    .apply(&image, 32, &mut sample_stream(5, 0, index))
                    .unwrap();
                if made == image {
                    return false;
                }
                assert_eq!(made, image::imageops::flip_horizontal(&image));
                true
            };
            (0..1000).filter(|&index| flipped(index)).count()
        };
        assert_eq!(count(whole(0.0)), 0);
        assert_eq!(count(whole(1.0)), 1000);
        // Five standard deviations of a binomial with 1000 draws.
        assert!((420..580).contains(&count(whole(0.5))));
    }

    #[test]
    fn refuses_parameters_that_make_no_sense() {
        let good = Augment::default();
        good.validate().unwrap();
        for (bad, parameter) in [
            (
                Augment {
                    scale: [0.0, 1.0],
                    ..good.clone()
                },
                "scale",
            ),
            (
                Augment {
                    scale: [0.9, 0.5],
                    ..good.clone()
                },
                "scale",
            ),
            (
                Augment {
                    ratio: [f32::NAN, 1.0],
                    ..good.clone()
                },
                "ratio",
            ),
            (
                Augment {
                    flip: 1.5,
                    ..good.clone()
                },
                "flip",
            ),
        ] {
            assert_eq!(bad.validate().unwrap_err().parameter, parameter);
        }
    }

    #[test]
    fn parameters_survive_json() {
        let augment = Augment {
            flip: 0.25,
            ..Augment::default()
        };
        let json = serde_json::to_string(&augment).unwrap();
        assert_eq!(serde_json::from_str::<Augment>(&json).unwrap(), augment);
        assert!(serde_json::from_str::<Augment>(r#"{"flop": 1}"#).is_err());
    }
}
