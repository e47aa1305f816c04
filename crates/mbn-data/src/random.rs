//! Random streams that do not depend on the order in which they are used.
//!
//! The stream of a sample depends on the seed, the epoch and the sample's index only. So a run makes the same batches
//! with any number of workers, and a resumed run continues exactly like an uninterrupted one.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_pcg::Pcg64;

/// What a stream is used for. Streams for different purposes are unrelated.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 1,
    Sample = 2,
    Batch = 3,
}

/// The random stream of one sample in one epoch.
pub fn sample_stream(seed: u64, epoch: u64, index: usize) -> Pcg64 {
    stream(seed, Purpose::Sample, epoch, index as u64)
}

/// The random stream of one batch in one epoch, for operations on several pictures at once.
pub(crate) fn batch_stream(seed: u64, epoch: u64, batch: usize) -> Pcg64 {
    stream(seed, Purpose::Batch, epoch, batch as u64)
}

/// The order of an epoch's samples: a permutation of `0..len`.
pub fn shuffled(seed: u64, epoch: u64, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut stream(seed, Purpose::Order, epoch, 0));
    order
}

/// A generator seeded with a hash of all arguments. PCG's own stream parameter leaves streams with similar parameters
/// correlated.
fn stream(seed: u64, purpose: Purpose, epoch: u64, index: u64) -> Pcg64 {
    let parts = [purpose as u64, epoch, index];
    let high = parts.iter().fold(mix(seed), |hash, part| mix(hash ^ part));
    let low = mix(high);
    Pcg64::new(u128::from(high) << 64 | u128::from(low), u128::from(mix(low)))
}

/// A value drawn uniformly from `low` to `high`.
pub(crate) fn uniform(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014): each input bit affects half of the output bits on average.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let first = |seed, epoch, index| sample_stream(seed, epoch, index).random::<u64>();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let mut seen = HashSet::new();
        for seed in 0..8 {
            for epoch in 0..8 {
                for index in 0..64 {
                    assert!(seen.insert(first(seed, epoch, index)), "{seed} {epoch} {index}");
                }
            }
        }
    }

    #[test]
    fn neighbouring_streams_are_uniform_together() {
        // The mean over the first draws of neighbouring samples has a standard error of 0.29 / 100.
        let draws = |epoch| (0..10_000).map(move |index| sample_stream(0, epoch, index).random::<f64>());
        for epoch in 0..4 {
            let mean = draws(epoch).sum::<f64>() / 10_000.0;
            assert!((mean - 0.5).abs() < 0.015, "{mean}");
        }
    }

    #[test]
    fn orders_are_permutations_that_change_with_seed_and_epoch() {
        let mut sorted = shuffled(7, 0, 1000);
        assert_ne!(sorted, shuffled(7, 1, 1000));
        assert_ne!(sorted, shuffled(8, 0, 1000));
        assert_eq!(sorted, shuffled(7, 0, 1000));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }
}
