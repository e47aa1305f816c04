//! Mixup and cutmix: the pictures of a batch in pairs, the first with the last and so on inwards.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::Mixing;

/// How a batch is mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// Every value is this share its own, the rest its partner's.
    Mixup(f32),
    /// Rows and columns of a box are the partner's.
    Cutmix { rows: [usize; 2], columns: [usize; 2] },
}

/// Mixes the pictures `[n, 3, size, size]` in place, perhaps. The result is the share of each picture's own label;
/// the rest belongs to the label of picture `n - 1 - i`. `None` if nothing was mixed.
///
/// Runs on the thread pool it is called in; what it does follows from `rng` alone.
pub(crate) fn mix(mixing: &Mixing, images: &mut [f32], size: usize, rng: &mut impl Rng) -> Option<f32> {
    let plan = draw(mixing, size, rng)?;
    let area = size * size;
    let half = images.len() / (3 * area) / 2;
    let (front, back) = images.split_at_mut(half * 3 * area);
    // With an odd number of pictures the one in the middle, at the start of `back`, is its own partner.
    let middle = back.len() - front.len();
    front
        .par_chunks_exact_mut(3 * area)
        .zip(back[middle..].par_chunks_exact_mut(3 * area).rev())
        .for_each(|(first, second)| match plan {
            Plan::Mixup(share) => blend(first, second, share),
            Plan::Cutmix { rows, columns } => {
                let planes = first.chunks_exact_mut(area).zip(second.chunks_exact_mut(area));
                for (first, second) in planes {
                    for row in rows[0]..rows[1] {
                        let span = row * size + columns[0]..row * size + columns[1];
                        first[span.clone()].swap_with_slice(&mut second[span]);
                    }
                }
            }
        });
    Some(match plan {
        Plan::Mixup(share) => share,
        // What was cut, not what was drawn: a box may lie partly outside.
        Plan::Cutmix { rows, columns } => {
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

fn draw(mixing: &Mixing, size: usize, rng: &mut impl Rng) -> Option<Plan> {
    if !mixing.is_on() || rng.random::<f32>() >= mixing.probability {
        return None;
    }
    let cut = match (mixing.mixup > 0.0, mixing.cutmix > 0.0) {
        (true, true) => rng.random::<f32>() < mixing.switch,
        (_, cutmix) => cutmix,
    };
    let alpha = f64::from(if cut { mixing.cutmix } else { mixing.mixup });
    // Validated settings always make a distribution.
    let share = Beta::new(alpha, alpha).ok()?.sample(rng);
    if !cut {
        return Some(Plan::Mixup(share as f32));
    }
    let half = (size as f64 * (1.0 - share).sqrt()) as usize / 2;
    let mut span = || {
        let centre = rng.random_range(0..size);
        [centre.saturating_sub(half), (centre + half).min(size)]
    };
    Some(Plan::Cutmix {
        rows: span(),
        columns: span(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::batch_stream;

    fn mixup() -> Mixing {
        Mixing {
            mixup: 0.2,
            ..Mixing::default()
        }
    }

    fn cutmix() -> Mixing {
        Mixing {
            cutmix: 1.0,
            ..Mixing::default()
        }
    }

    /// Pictures of 4 x 4 whose values tell their picture and place.
    fn batch(n: usize) -> Vec<f32> {
        (0..n * 48).map(|i| (i / 48 * 100 + i % 48) as f32).collect()
    }

    #[test]
    fn mixup_blends_every_picture_with_its_mirror_image() {
        for n in [1, 2, 5, 8] {
            let mut images = batch(n);
            let share = mix(&mixup(), &mut images, 4, &mut batch_stream(1, 2, n)).unwrap();
            assert!((0.0..=1.0).contains(&share));
            let before = batch(n);
            for i in 0..n {
                for k in 0..48 {
                    let (own, other) = (before[i * 48 + k], before[(n - 1 - i) * 48 + k]);
                    let expected = share * own + (1.0 - share) * other;
                    // Two roundings of values below 1000.
                    assert!((images[i * 48 + k] - expected).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn cutmix_takes_a_box_from_the_mirror_image_and_counts_its_pixels() {
        let (mut smallest, mut largest) = (1.0f32, 0.0f32);
        for index in 0..200 {
            let n = 5;
            let mut images = batch(n);
            let share = mix(&cutmix(), &mut images, 4, &mut batch_stream(0, 0, index)).unwrap();
            (smallest, largest) = (smallest.min(share), largest.max(share));
            let before = batch(n);
            for i in (0..n).filter(|&i| i != 2) {
                let own = |k: usize| images[i * 48 + k] == before[i * 48 + k];
                let other = |k: usize| images[i * 48 + k] == before[(n - 1 - i) * 48 + k];
                assert!((0..48).all(|k| own(k) != other(k)));
                let kept = (0..48).filter(|&k| own(k)).count();
                assert_eq!(share, kept as f32 / 48.0);
                // The same box in every channel.
                assert!((0..16).all(|k| own(k) == own(16 + k) && own(k) == own(32 + k)));
                let cut: Vec<usize> = (0..16).filter(|&k| other(k)).collect();
                let sides = |of: fn(usize) -> usize| {
                    let (low, high) = (cut.iter().map(|&k| of(k)).min(), cut.iter().map(|&k| of(k)).max());
                    low.zip(high).map_or(0, |(low, high)| high - low + 1)
                };
                assert_eq!(cut.len(), sides(|k| k / 4) * sides(|k| k % 4));
            }
        }
        // Half of a side below 4 is one pixel either way, as in timm, so the largest box has 2 x 2 of the 16.
        assert_eq!((smallest, largest), (0.75, 1.0));
    }

    #[test]
    fn the_share_has_the_distribution_asked_for() {
        // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
        for alpha in [0.2, 1.0, 4.0] {
            let mixing = Mixing {
                mixup: alpha,
                ..Mixing::default()
            };
            let share = |i| match draw(&mixing, 4, &mut batch_stream(0, 0, i)) {
                Some(Plan::Mixup(share)) => f64::from(share),
                other => panic!("{other:?}"),
            };
            let n = 20_000;
            let mean = (0..n).map(share).sum::<f64>() / n as f64;
            let variance = (0..n).map(|i| (share(i) - 0.5).powi(2)).sum::<f64>() / n as f64;
            // Five standard errors: the deviation is at most 0.5, that of the squares at most 0.125.
            assert!((mean - 0.5).abs() < 0.018, "{mean}");
            let expected = 1.0 / (4.0 * (2.0 * f64::from(alpha) + 1.0));
            assert!((variance - expected).abs() < 0.005, "{variance} {expected}");
        }
    }

    #[test]
    fn each_kind_comes_as_often_as_asked() {
        let mixing = Mixing {
            mixup: 0.2,
            cutmix: 1.0,
            probability: 0.5,
            switch: 0.25,
        };
        let (mut nothing, mut blended, mut cut) = (0, 0, 0);
        for i in 0..8000 {
            match draw(&mixing, 32, &mut batch_stream(3, 1, i)) {
                None => nothing += 1,
                Some(Plan::Mixup(_)) => blended += 1,
                Some(Plan::Cutmix { .. }) => cut += 1,
            }
        }
        // Five standard deviations of binomials with 8000 draws.
        assert!((3776..4224).contains(&nothing), "{nothing}");
        assert!((2783..3217).contains(&blended), "{blended}");
        assert!((852..1148).contains(&cut), "{cut}");
        let off = Mixing::default();
        assert_eq!(draw(&off, 32, &mut batch_stream(0, 0, 0)), None);
    }
}
