//! Operators that networks have as layers, where they take each channel by itself.

use super::Step;
use crate::foreign::attributes::{float, int, ints};
use crate::foreign::normalisation::channels::Channels;

/// How far a statistic or a factor that is meant as 0 or 1 may be from it.
const ROUNDING: f64 = 1e-6;
/// Mean of pictures' channels from 0 to 255. No data that are normalised before have it.
const OF_BYTES: std::ops::RangeInclusive<f64> = 0.2 * 255.0..=0.8 * 255.0;
/// Weights of a convolution from channels to channels.
const MAX_WEIGHTS: i64 = 9;

impl Step<'_, '_> {
    /// The statistics alone, or the factors alone: those of a layer that was trained are both, of which only a mean that bytes alone
    /// have tells something.
    pub(super) fn batch_norm(&self, taken: &Channels) -> Option<Channels> {
        let taken = taken.behind_layer()?;
        let all = [1, 2, 3, 4].map(|index| self.constant(index).filter(|values| values.len() == taken.len()));
        let [Some(scale), Some(bias), Some(mean), Some(variance)] = all else {
            return None;
        };
        let are = |values: &[f64], wanted: f64| values.iter().all(|value| (value - wanted).abs() <= ROUNDING);
        let has_statistics = !are(&mean, 0.0) || !are(&variance, 1.0);
        let has_factors = !are(&scale, 1.0) || !are(&bias, 0.0);
        if has_statistics && has_factors {
            return less_mean_of_bytes(&taken, &mean);
        }
        let epsilon = float(self.node, "epsilon").unwrap_or(1e-5);
        let factors: Vec<_> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
            .collect();
        let offsets: Vec<_> = (0..taken.len()).map(|c| bias[c] - mean[c] * factors[c]).collect();
        taken.affine(&factors, &offsets)
    }

    /// A convolution of single pixels that takes each channel by itself, perhaps in another order.
    pub(super) fn conv(&self, taken: &Channels) -> Option<Channels> {
        let taken = taken.behind_layer()?;
        let len = taken.len();
        let dims = self.constants.dims(self.input(1)?)?;
        let is_plain = |name: &str, usual: i64| {
            ints(self.node, name).is_none_or(|values| values.iter().all(|value| *value == usual))
        };
        if !is_plain("pads", 0) || !is_plain("strides", 1) {
            return None;
        }
        let product = dims
            .iter()
            .try_fold(1i64, |product, dim| product.checked_mul(*dim));
        if product.is_none_or(|weights| weights > MAX_WEIGHTS) {
            return None;
        }
        let weights = self.constant(1)?;
        let (from, factors): (Vec<_>, Vec<_>) = match (dims, int(self.node, "group").unwrap_or(1)) {
            ([outputs, 1, 1, 1], groups) if *outputs == len as i64 && groups == len as i64 => {
                weights.into_iter().enumerate().unzip()
            }
            ([outputs, inputs, 1, 1], 1) if *outputs == len as i64 && inputs == outputs => {
                let rows = weights.chunks_exact(len).map(only);
                rows.collect::<Option<Vec<_>>>()?.into_iter().unzip()
            }
            _ => return None,
        };
        let offsets = match self.input(2) {
            Some(_) => self.constant(2)?,
            None => vec![0.0],
        };
        taken.select(from)?.affine(&factors, &offsets)
    }
}

/// The channels as they are given, from 0 to 255, less the mean that a layer was trained with, whatever else that layer does to them;
/// `None` if it is no mean of bytes.
fn less_mean_of_bytes(taken: &Channels, mean: &[f64]) -> Option<Channels> {
    let given = taken.as_given(mean)?;
    let is_of_bytes = given.iter().all(|mean| OF_BYTES.contains(mean));
    let less: Vec<_> = given.iter().map(|mean| -mean).collect();
    is_of_bytes
        .then(|| taken.untouched().affine(&[1.0], &less))
        .flatten()
}

/// The only value of a row that is not 0, and its index.
fn only(row: &[f64]) -> Option<(usize, f64)> {
    let mut found = row.iter().copied().enumerate().filter(|(_, value)| *value != 0.0);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
