//! Colour jitter: random brightness, contrast, saturation and hue.

use image::RgbImage;
use rand::{Rng, RngExt};

use super::color;
use super::settings::ColorJitter;
use crate::random::uniform;

/// Applies brightness, contrast, saturation and hue in random order.
pub(super) fn apply(jitter: &ColorJitter, image: &mut RgbImage, rng: &mut impl Rng) {
    if *jitter == ColorJitter::default() {
        return;
    }
    // A Fisher-Yates shuffle.
    let mut order = [0, 1, 2, 3];
    for i in (1..order.len()).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    let mut factor = |range: f32| {
        let [low, high] = [(1.0 - range).max(0.0), 1.0 + range].map(f64::from);
        uniform(rng, [low, high]) as f32
    };
    let factors = [jitter.brightness, jitter.contrast, jitter.saturation].map(|range| match range {
        0.0 => None,
        range => Some(factor(range)),
    });
    let hue = f64::from(jitter.hue);
    let turn = (hue > 0.0).then(|| uniform(rng, [-hue, hue]) as f32);
    for part in order {
        match (part, factors.get(part).copied().flatten()) {
            (0, Some(factor)) => color::brightness(image, factor),
            (1, Some(factor)) => color::contrast(image, factor),
            (2, Some(factor)) => color::saturation(image, factor),
            (3, _) => {
                if let Some(turn) = turn {
                    color::hue(image, turn);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::augment::tests::picture;
    use crate::random::sample_stream;

    #[test]
    fn jitter_stays_within_its_ranges_and_varies_the_order() {
        let off = ColorJitter::default();
        let mut image = picture(16, 16);
        apply(&off, &mut image, &mut sample_stream(0, 0, 0));
        assert_eq!(image, picture(16, 16));

        // A grey of 100 times a factor from 0.5 to 1.5.
        let brightness = ColorJitter {
            brightness: 0.5,
            ..off
        };
        let level = |index| {
            let mut image = RgbImage::from_pixel(4, 4, image::Rgb([100; 3]));
            apply(&brightness, &mut image, &mut sample_stream(2, 0, index));
            image[(0, 0)].0[0]
        };
        let levels: Vec<u8> = (0..2000).map(level).collect();
        assert!(levels.iter().all(|level| (50..=150).contains(level)));
        assert!(levels.iter().any(|&level| level < 52) && levels.iter().any(|&level| level > 148));

        // Brightness and contrast do not commute, so a varying order shows.
        let both = ColorJitter {
            brightness: 0.5,
            contrast: 0.5,
            ..off
        };
        let mut orders = HashSet::new();
        for index in 0..40 {
            let mut found = picture(16, 16);
            apply(&both, &mut found, &mut sample_stream(3, 0, index));
            let mut stream = sample_stream(3, 0, index);
            for i in (1..4).rev() {
                let _ = stream.random_range(0..=i);
            }
            let mut factor = || uniform(&mut stream, [0.5, 1.5]) as f32;
            let (by, to) = (factor(), factor());
            let mut first = picture(16, 16);
            color::brightness(&mut first, by);
            color::contrast(&mut first, to);
            let mut last = picture(16, 16);
            color::contrast(&mut last, to);
            color::brightness(&mut last, by);
            assert!(found == first || found == last);
            if first != last {
                orders.insert(found == first);
            }
        }
        assert_eq!(orders.len(), 2);
    }
}
