//! Counts of a layer's values.

use rayon::prelude::*;

/// Number of bins: eight for each step of a byte.
pub(crate) const BINS: usize = 2048;
/// Values that one thread takes at once.
const PART: usize = 1 << 16;

/// Counts of values between 0 and a limit, in bins of equal width. Zeros are left out: they are exact in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub limit: f32,
    pub counts: Vec<u64>,
}

impl Histogram {
    /// No value yet. `limit` is the largest that is to come.
    pub fn new(limit: f32) -> Self {
        Self {
            limit,
            counts: vec![0; BINS],
        }
    }

    /// Counts values `[.., C]`, each divided by its channel's number in `scales`, as far as they are positive.
    pub fn add(&mut self, values: &[f32], scales: &[f32]) {
        let channels = scales.len().max(1);
        if self.limit <= 0.0 {
            return;
        }
        let factors: Vec<f32> = scales
            .iter()
            .map(|scale| BINS as f32 / (self.limit * scale))
            .collect();
        let part = |part: &[f32]| {
            let mut counts = vec![0u64; BINS];
            for pixel in part.chunks_exact(channels) {
                for (&value, factor) in pixel.iter().zip(&factors) {
                    if value > 0.0 {
                        counts[((value * factor) as usize).min(BINS - 1)] += 1;
                    }
                }
            }
            counts
        };
        let parts: Vec<_> = values
            .par_chunks((PART / channels).max(1) * channels)
            .map(part)
            .collect();
        for part in parts {
            self.counts
                .iter_mut()
                .zip(part)
                .for_each(|(own, other)| *own += other);
        }
    }

    /// Number of values.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The middle of a bin.
    pub fn middle(&self, bin: usize) -> f64 {
        (bin as f64 + 0.5) * self.width()
    }

    /// The width of a bin.
    pub fn width(&self) -> f64 {
        f64::from(self.limit) / BINS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_values_are_counted_on_their_channels_scale() {
        let mut histogram = Histogram::new(4.0);
        histogram.add(&[4.0, 8.0, 0.0, -1.0, 1.0, 2.0, 0.001, 0.001], &[1.0, 2.0]);
        assert_eq!(histogram.total(), 6);
        assert_eq!(histogram.counts[BINS - 1], 2);
        assert_eq!(histogram.counts[BINS / 4], 2);
        assert_eq!(histogram.counts[0], 2);
        let mut nothing = Histogram::new(0.0);
        nothing.add(&[0.0, -1.0], &[1.0]);
        assert_eq!(nothing.total(), 0);
    }
}
