//! Operators that networks have as layers, where they take each channel by itself.

use super::Step;
use crate::foreign::normalisation::channels::Channels;
use crate::foreign::normalisation::constants::{float, int, ints};

/// How far a statistic or a factor that is meant as 0 or 1 may be from it.
const ROUNDING: f64 = 1e-6;

impl Step<'_, '_> {
    /// The statistics alone, or the factors alone: those of a layer that was trained are both.
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
            return None;
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

/// The only value of a row that is not 0, and its index.
fn only(row: &[f64]) -> Option<(usize, f64)> {
    let mut found = row.iter().copied().enumerate().filter(|(_, value)| *value != 0.0);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
