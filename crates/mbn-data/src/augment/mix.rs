//! Mixup and cutmix. Both pair the pictures of a batch: the first with the last and so on inwards.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::settings::Mixing;

/// How to mix one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mix {
    /// Each picture keeps this share of its values and takes the rest from its partner.
    Mixup(f32),
    /// Each picture takes these rows and columns from its partner.
    Cutmix { rows: [usize; 2], columns: [usize; 2] },
}

/// With the configured probability, mixes the pictures `[n, 3, size, size]` in place. Returns the share of each
/// picture's own label; the rest belongs to the label of picture `n - 1 - i`. `None` if nothing was mixed.
///
/// Runs on the caller's thread pool. The result depends on `rng` only.
pub(crate) fn mix(mixing: &Mixing, images: &mut [f32], size: usize, rng: &mut impl Rng) -> Option<f32> {
    let mix = draw(mixing, size, rng)?;
    let area = size * size;
    let half = images.len() / (3 * area) / 2;
    let (front, back) = images.split_at_mut(half * 3 * area);
    // If the number of pictures is odd, the middle one, at the start of `back`, is its own partner.
    let middle = back.len() - front.len();
    front
        .par_chunks_exact_mut(3 * area)
        .zip(back[middle..].par_chunks_exact_mut(3 * area).rev())
        .for_each(|(first, second)| match mix {
            Mix::Mixup(share) => blend(first, second, share),
            Mix::Cutmix { rows, columns } => {
                let planes = first.chunks_exact_mut(area).zip(second.chunks_exact_mut(area));
                for (first, second) in planes {
                    for row in rows[0]..rows[1] {
                        let span = row * size + columns[0]..row * size + columns[1];
                        first[span.clone()].swap_with_slice(&mut second[span]);
                    }
                }
            }
        });
    Some(match mix {
        Mix::Mixup(share) => share,
        // Count the pixels cut, not those drawn: the box may extend beyond the picture.
        Mix::Cutmix { rows, columns } => {
            let cut = (rows[1] - rows[0]) * (columns[1] - columns[0]);
            1.0 - cut as f32 / area as f32
        }
    })
}

fn blend(first: &mut [f32], second: &mut [f32], share: f32) {
    for (a, b) in first.iter_mut().zip(second) {
        (*a, *b) = (share * *a + (1.0 - share) * *b, share * *b + (1.0 - share) * *a);
    }
}

fn draw(mixing: &Mixing, size: usize, rng: &mut impl Rng) -> Option<Mix> {
    if !mixing.is_on() || rng.random::<f32>() >= mixing.probability {
        return None;
    }
    let cut = match (mixing.mixup > 0.0, mixing.cutmix > 0.0) {
        (true, true) => rng.random::<f32>() < mixing.switch,
        (_, cutmix) => cutmix,
    };
    let alpha = f64::from(if cut { mixing.cutmix } else { mixing.mixup });
    // Validated settings always give a distribution.
    let share = Beta::new(alpha, alpha).ok()?.sample(rng);
    if !cut {
        return Some(Mix::Mixup(share as f32));
    }
    let half = (size as f64 * (1.0 - share).sqrt()) as usize / 2;
    let mut span = || {
        let centre = rng.random_range(0..size);
        [centre.saturating_sub(half), (centre + half).min(size)]
    };
    Some(Mix::Cutmix {
        rows: span(),
        columns: span(),
    })
}

#[cfg(test)]
mod tests;
