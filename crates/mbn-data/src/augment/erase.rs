//! Random erasing of a box in a normalised picture.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::settings::{EraseValue, Erasing};
use crate::random::uniform;

/// Attempts to draw a box before leaving the picture unchanged.
const ATTEMPTS: usize = 10;

/// With the configured probability, fills a box of the planes `[3, size, size]`, drawn like torchvision's
/// `RandomErasing`.
pub(crate) fn erase(erasing: &Erasing, planes: &mut [f32], size: usize, rng: &mut impl Rng) {
    if erasing.probability == 0.0 || rng.random::<f32>() >= erasing.probability {
        return;
    }
    let Some([top, left, height, width]) = draw(erasing, size, rng) else {
        return;
    };
    for plane in planes.chunks_exact_mut(size * size) {
        for row in plane.chunks_exact_mut(size).skip(top).take(height) {
            let span = &mut row[left..left + width];
            match erasing.value {
                EraseValue::Mean => span.fill(0.0),
                EraseValue::Noise => span.fill_with(|| StandardNormal.sample(rng)),
            }
        }
    }
}

/// Draws a box smaller than the picture: top, left, height and width.
fn draw(erasing: &Erasing, size: usize, rng: &mut impl Rng) -> Option<[usize; 4]> {
    let area = (size * size) as f64;
    let ratios = erasing.ratio.map(|ratio| f64::from(ratio).ln());
    for _ in 0..ATTEMPTS {
        let target = area * uniform(rng, erasing.scale.map(f64::from));
        let ratio = uniform(rng, ratios).exp();
        let height = (target * ratio).sqrt().round_ties_even() as usize;
        let width = (target / ratio).sqrt().round_ties_even() as usize;
        if height < size && width < size {
            let top = rng.random_range(0..=size - height);
            let left = rng.random_range(0..=size - width);
            return Some([top, left, height, width]);
        }
    }
    None
}

#[cfg(test)]
mod tests;
