//! Draws the box of a random resized crop.

use rand::{Rng, RngExt};

use super::settings::Augment;
use crate::random::uniform;
use crate::resize::Region;

/// Attempts to draw a box before falling back to the centre.
const ATTEMPTS: usize = 10;

/// A box with a random area and a log-uniform aspect ratio, drawn like torchvision's `RandomResizedCrop`.
pub(super) fn draw(augment: &Augment, width: u32, height: u32, rng: &mut impl Rng) -> Region {
    let area = f64::from(width) * f64::from(height);
    let [low, high] = augment.ratio.map(|ratio| f64::from(ratio).ln());
    for _ in 0..ATTEMPTS {
        let target = area * uniform(rng, augment.scale.map(f64::from));
        let ratio = uniform(rng, [low, high]).exp();
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
    centre(augment, width, height)
}

/// The largest centred box with an allowed aspect ratio.
fn centre(augment: &Augment, width: u32, height: u32) -> Region {
    let (w, h) = (f64::from(width), f64::from(height));
    let [low, high] = augment.ratio.map(f64::from);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::sample_stream;

    proptest! {
        #[test]
        fn boxes_lie_in_the_picture(width in 1u32..600, height in 1u32..600, index in 0usize..1000) {
            let region = draw(&Augment::default(), width, height, &mut sample_stream(0, 0, index));
            prop_assert!(region.left >= 0.0 && region.top >= 0.0);
            prop_assert!(region.width >= 1.0 && region.height >= 1.0);
            prop_assert!(region.left + region.width <= f64::from(width));
            prop_assert!(region.top + region.height <= f64::from(height));
        }
    }

    #[test]
    fn areas_and_ratios_cover_their_ranges() {
        let augment = Augment::default();
        let area = 500.0 * 400.0;
        let mut areas = Vec::new();
        for index in 0..2000 {
            let region = draw(&augment, 500, 400, &mut sample_stream(3, 1, index));
            areas.push(region.width * region.height / area);
            let ratio = region.width / region.height;
            // Sides are rounded to whole pixels.
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
    fn falls_back_to_the_centre_if_no_box_fits() {
        let region = draw(&Augment::default(), 1, 1000, &mut sample_stream(0, 0, 0));
        assert_eq!((region.left, region.top), (0.0, 499.0));
        assert_eq!((region.width, region.height), (1.0, 1.0));
    }
}
