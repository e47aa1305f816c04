//! The largest value that a layer's bytes stand for. Larger ones saturate; the smaller it is, the finer are the steps.

use std::fmt;
use std::str::FromStr;

use crate::histogram::{BINS, Histogram};

/// Steps of a byte.
const STEPS: usize = 255;
/// Positive values that [`Method::Percentile`] lets saturate are one in ten thousand.
const PERCENTILE: f64 = 0.9999;
/// The smallest range that is tried, as a part of the largest value, and the steps between ranges.
const SMALLEST: usize = BINS / 8;
const STRIDE: usize = BINS / 128;

/// How a layer's range follows from the values on the calibration pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The largest value.
    MinMax,
    /// All but one in ten thousand of the positive values; those that the activation set to zero do not count.
    Percentile,
    /// The least Kullback-Leibler divergence between the values and the rounded ones (Migacz 2017, "8-bit inference with
    /// TensorRT").
    Entropy,
    /// The least mean squared error. The best one measured (`docs/int8.md`).
    #[default]
    Mse,
}

/// A name that is none of a method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of minmax, percentile, entropy and mse")]
pub struct UnknownMethod(pub String);

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MinMax, Self::Percentile, Self::Entropy, Self::Mse];

    /// The largest value that a byte is to stand for; always positive.
    pub(crate) fn range(self, histogram: &Histogram) -> f32 {
        if histogram.total() == 0 {
            // Nothing but zeros: any range holds them.
            return if histogram.limit > 0.0 {
                histogram.limit
            } else {
                1.0
            };
        }
        let end = match self {
            Self::MinMax => BINS,
            Self::Percentile => percentile(histogram),
            Self::Entropy => least(histogram, divergence),
            Self::Mse => least(histogram, squared_error),
        };
        (end as f64 * histogram.width()) as f32
    }
}

fn percentile(histogram: &Histogram) -> usize {
    let enough = histogram.total() as f64 * PERCENTILE;
    let mut sum = 0;
    let position = histogram.counts.iter().position(|count| {
        sum += count;
        sum as f64 >= enough
    });
    position.map_or(BINS, |bin| bin + 1)
}

/// The range with the least error, in bins.
fn least(histogram: &Histogram, error: fn(&Histogram, usize) -> f64) -> usize {
    let ends = (SMALLEST..=BINS).step_by(STRIDE);
    let errors = ends.map(|end| (end, error(histogram, end)));
    // Of equal errors, the larger range: other pictures may have larger values.
    let best = errors.min_by(|(a, one), (b, other)| one.total_cmp(other).then(b.cmp(a)));
    best.map_or(BINS, |(end, _)| end)
}

/// Sum of squared errors where bytes end at bin `end`.
fn squared_error(histogram: &Histogram, end: usize) -> f64 {
    let step = end as f64 * histogram.width() / STEPS as f64;
    let bins = histogram.counts.iter().enumerate();
    bins.map(|(bin, &count)| {
        let value = histogram.middle(bin);
        let rounded = (value / step).round().min(STEPS as f64) * step;
        count as f64 * (value - rounded).powi(2)
    })
    .sum()
}

/// Divergence of the rounded values' distribution from the values', where bytes end at bin `end`.
fn divergence(histogram: &Histogram, end: usize) -> f64 {
    let counts = &histogram.counts;
    let outside: u64 = counts[end..].iter().sum();
    let mut reference: Vec<f64> = counts[..end].iter().map(|&count| count as f64).collect();
    reference[end - 1] += outside as f64;
    // Each step spreads its values evenly over its bins that have any.
    let step = |bin: usize| bin * (STEPS + 1) / end;
    let (mut sums, mut used) = (vec![0.0; STEPS + 1], vec![0.0; STEPS + 1]);
    for bin in (0..end).filter(|&bin| counts[bin] > 0) {
        sums[step(bin)] += counts[bin] as f64;
        used[step(bin)] += 1.0;
    }
    let total: f64 = reference.iter().sum();
    let inside: f64 = sums.iter().sum::<f64>().max(1.0);
    let bins = reference.iter().enumerate().filter(|(_, count)| **count > 0.0);
    bins.map(|(bin, &count)| {
        let spread = match counts[bin] {
            0 => 0.0,
            _ => sums[step(bin)] / used[step(bin)],
        };
        let (p, q) = (count / total, (spread / inside).max(1e-12));
        p * (p / q).ln()
    })
    .sum()
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MinMax => "minmax",
            Self::Percentile => "percentile",
            Self::Entropy => "entropy",
            Self::Mse => "mse",
        })
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        let method = Self::ALL.into_iter().find(|method| method.to_string() == name);
        method.ok_or_else(|| UnknownMethod(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::new(values.iter().copied().fold(0.0, f32::max));
        histogram.add(values, &[1.0]);
        histogram
    }

    /// Values below 1, and one of 2: the squared error is least at 1.3, since one large error weighs as much as many small ones.
    fn outlier() -> Histogram {
        let mut values: Vec<f32> = (1..=400_000).map(|i| i as f32 / 400_000.0).collect();
        values.push(2.0);
        of(&values)
    }

    #[test]
    fn an_outlier_saturates_but_for_minmax() {
        assert_eq!(Method::MinMax.range(&outlier()), 2.0);
        for method in [Method::Percentile, Method::Entropy, Method::Mse] {
            let range = method.range(&outlier());
            assert!((0.95..1.5).contains(&range), "{method}: {range}");
        }
    }

    /// The least mean squared error over values, not over counts of them.
    #[test]
    fn the_least_squared_error_is_that_of_the_values() {
        let values: Vec<f32> = (1..5000).map(|i| -4.0 * (i as f32 / 5000.0).ln()).collect();
        let error = |range: f32| -> f64 {
            let step = range / 255.0;
            let errors = values
                .iter()
                .map(|v| v - (v / step).round_ties_even().min(255.0) * step);
            errors.map(|error| f64::from(error).powi(2)).sum()
        };
        let found = Method::Mse.range(&of(&values));
        let largest = values.iter().copied().fold(0.0, f32::max);
        let best = (1..=200)
            .map(|i| error(largest * i as f32 / 200.0))
            .fold(f64::INFINITY, f64::min);
        assert!(
            error(found) <= 1.05 * best,
            "{} at {found}, {best} is possible",
            error(found)
        );
        assert!(error(found) < error(largest));
    }

    #[test]
    fn layers_that_give_nothing_have_a_range() {
        for method in Method::ALL {
            assert_eq!(method.range(&Histogram::new(0.0)), 1.0);
            assert!(method.range(&of(&[1e-30])) > 0.0);
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        assert_eq!("MSE".parse::<Method>(), Err(UnknownMethod("MSE".into())));
    }
}
