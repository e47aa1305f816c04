//! Products of a large tensor with random directions, which stand for it where the reference would be too large.
//!
//! A wrong element changes every product, by its error times a random factor between -1 and 1.

/// How many products stand for a tensor.
pub const PROJECTIONS: usize = 64;

/// The products of `values` with [`PROJECTIONS`] directions, the same ones as `tests/reference/common.py` takes.
pub fn projections(values: impl ExactSizeIterator<Item = f64> + Clone) -> Vec<f64> {
    let len = values.len() as u64;
    let product = |direction: u64| {
        let factors = (1..=len).map(|i| uniform(direction * len + i));
        values
            .clone()
            .zip(factors)
            .map(|(value, factor)| value * factor)
            .sum()
    };
    (0..PROJECTIONS as u64).map(product).collect()
}

/// Number `index` (from 1) of SplitMix64 with seed 0, brought to [-1, 1).
pub fn uniform(index: u64) -> f64 {
    let mut mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    2.0 * ((mixed >> 11) as f64 / (1u64 << 53) as f64) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_splitmix64s() {
        // The generator's first two outputs are 0xe220a8397b1dcdaf and 0x6e789e6aa1b965f4.
        let of = |output: u64| 2.0 * ((output >> 11) as f64 / (1u64 << 53) as f64) - 1.0;
        assert_eq!(uniform(1), of(0xe220_a839_7b1d_cdaf));
        assert_eq!(uniform(2), of(0x6e78_9e6a_a1b9_65f4));
        let products = projections([1.0].into_iter());
        assert_eq!((products.len(), products[1]), (PROJECTIONS, uniform(2)));
    }

    #[test]
    fn a_single_wrong_element_is_noticed() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i).sin()).collect();
        let expected = projections(values.iter().copied());
        let mut wrong = values;
        wrong[4321] += 1e-7;
        let found = projections(wrong.into_iter());
        let apart = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) > 9e-8);
    }
}
