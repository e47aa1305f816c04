//! Sums and maxima of each channel of values `[.., C]`.

use rayon::prelude::*;

/// Values that one thread takes at once.
const PART: usize = 1 << 16;

/// The largest value and the sum of each channel. Values that are not finite make the largest one infinite.
pub(crate) fn largest_and_sums(values: &[f32], channels: usize) -> (Vec<f32>, Vec<f64>) {
    let rows = (PART / channels).max(1);
    let part = |part: &[f32]| {
        let (mut largest, mut sums) = (vec![f32::NEG_INFINITY; channels], vec![0.0f64; channels]);
        for pixel in part.chunks_exact(channels) {
            for ((largest, sum), &value) in largest.iter_mut().zip(&mut sums).zip(pixel) {
                let value = if value.is_finite() { value } else { f32::INFINITY };
                *largest = largest.max(value);
                *sum += f64::from(value);
            }
        }
        (largest, sums)
    };
    let parts: Vec<_> = values.par_chunks(rows * channels).map(part).collect();
    let (mut largest, mut sums) = (vec![f32::NEG_INFINITY; channels], vec![0.0; channels]);
    // In order, so that the sums do not depend on the threads.
    for (one, other) in parts {
        largest.iter_mut().zip(one).for_each(|(a, b)| *a = a.max(b));
        sums.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    }
    (largest, sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_kept_apart() {
        let values = [1.0, -4.0, 3.0, -2.0, 2.0, -3.0];
        let (largest, sums) = largest_and_sums(&values, 2);
        assert_eq!((largest, sums), (vec![3.0, -2.0], vec![6.0, -9.0]));
        let many: Vec<f32> = (0..300_000).map(|i| (i % 3) as f32).collect();
        let (largest, sums) = largest_and_sums(&many, 3);
        assert_eq!((largest, sums), (vec![0.0, 1.0, 2.0], vec![0.0, 1e5, 2e5]));
        assert_eq!(largest_and_sums(&[1.0, f32::NAN], 2).0, [1.0, f32::INFINITY]);
    }
}
