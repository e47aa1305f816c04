//! What the values of a model are, where its graph does not show it: logits or probabilities.

/// How far the sum of a thousand probabilities in float16 is from 1.
const SUM_ROUNDING: f32 = 5e-3;
/// How far a probability may be outside `[0, 1]` by rounding.
const ROUNDING: f32 = 1e-3;
/// The smallest step of values that have 8 bits, if the largest is a fifth or more.
const SMALLEST_STEP: f32 = 0.2 / 255.0;
/// The largest step of probabilities that have 8 bits.
const LARGEST_STEP: f32 = 1.0 / 127.0;
/// Beyond this a sum says nothing.
const LARGEST_TOLERANCE: f32 = 0.5;

/// What values look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Each row is in `[0, 1]` and sums to 1, within rounding.
    Probabilities,
    /// Each row is in `[0, 100]` and sums to 100, within rounding: probabilities in per cent.
    Percentages,
    /// Some are outside `[0, 1]`.
    Logits,
    /// They may be either.
    Unclear,
}

impl Guess {
    /// What the outputs of a few different images look like, row-major `[images, values]`.
    pub fn of(outputs: &[f32], values: usize) -> Self {
        let rows = rows(outputs, values);
        if values < 2 || rows.is_empty() {
            return Self::Unclear;
        }
        if !rows.iter().all(|row| are_parts(row)) {
            return match are_percentages(&rows) {
                true => Self::Percentages,
                false => Self::Logits,
            };
        }
        let tolerance = tolerance(&rows, values);
        match tolerance <= LARGEST_TOLERANCE && sums(&rows).all(|sum| is_one(sum, tolerance)) {
            true => Self::Probabilities,
            false => Self::Unclear,
        }
    }
}

/// The first sum of a row that is not 1, as far as rounding lets it be seen.
pub(super) fn wrong_sum(outputs: &[f32], values: usize) -> Option<f32> {
    let rows = rows(outputs, values);
    let tolerance = tolerance(&rows, values);
    let wrong = sums(&rows).find(|sum| !is_one(*sum, tolerance));
    wrong.filter(|_| tolerance <= LARGEST_TOLERANCE)
}

/// The rows that are finite; others say nothing.
fn rows(outputs: &[f32], values: usize) -> Vec<&[f32]> {
    let rows = outputs.chunks(values.max(1));
    rows.filter(|row| row.iter().all(|value| value.is_finite()))
        .collect()
}

/// How far a sum of probabilities may be from 1. Rounding to 8 bits moves each by half a step at most.
fn tolerance(rows: &[&[f32]], values: usize) -> f32 {
    SUM_ROUNDING + step(rows) * values as f32 / 2.0
}

fn sums(rows: &[&[f32]]) -> impl Iterator<Item = f32> {
    rows.iter().map(|row| row.iter().sum())
}

fn is_one(sum: f32, tolerance: f32) -> bool {
    (sum - 1.0).abs() <= tolerance
}

/// Whether all values are in `[0, 1]`.
pub(super) fn are_parts(row: &[f32]) -> bool {
    are_parts_of(row, 1.0)
}

fn are_parts_of(row: &[f32], whole: f32) -> bool {
    let range = -whole * ROUNDING..=whole * (1.0 + ROUNDING);
    row.iter().all(|value| range.contains(value))
}

/// Whether the rows are probabilities in per cent. Few logits sum to 100, and none in every row; one row alone says little.
fn are_percentages(rows: &[&[f32]]) -> bool {
    let are_parts = rows.iter().all(|row| are_parts_of(row, 100.0));
    rows.len() > 1 && are_parts && sums(rows).all(|sum| (sum - 100.0).abs() <= 100.0 * SUM_ROUNDING)
}

/// The number whose multiples all values are, if that is a step of 8 bits; else 0.
fn step(rows: &[&[f32]]) -> f32 {
    let values = rows.iter().flat_map(|row| row.iter().copied());
    let step = values.filter(|value| *value > 0.0).fold(0.0, common_divisor);
    match (SMALLEST_STEP..=LARGEST_STEP).contains(&step) {
        true => step,
        false => 0.0,
    }
}

/// The largest number whose multiples both are, within the rounding of a float32; Euclid's algorithm.
fn common_divisor(one: f32, other: f32) -> f32 {
    const ZERO: f32 = 2e-5;
    let (mut larger, mut smaller) = (one.max(other), one.min(other));
    while smaller > ZERO {
        let rest = (larger - smaller * (larger / smaller).round()).abs();
        (larger, smaller) = (smaller, rest);
    }
    larger
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one() {
        for (rows, expected) in [
            (&[0.25, 0.75, 1.0, 0.0][..], Guess::Probabilities),
            // Rounding, as of a softmax in float16.
            (&[0.252, 0.75, 1.0005, -0.0005], Guess::Probabilities),
            // One image has other values.
            (&[0.25, 0.75, 1.0, 1.0], Guess::Unclear),
            (&[0.25, 0.75, 1.5, -0.5], Guess::Logits),
            (&[25.0, 75.0, 100.0, 0.0], Guess::Percentages),
            (&[25.0, 75.0, 99.9, 0.2], Guess::Percentages),
            (&[25.0, 75.0, 100.0, 1.0], Guess::Logits),
            (&[-25.0, 125.0, 50.0, 50.0], Guess::Logits),
            (&[25.0, 75.0], Guess::Logits),
            // What is not finite says nothing.
            (&[f32::NAN, 0.75, 1.0, 0.0], Guess::Probabilities),
            (&[f32::NAN, 0.75, f32::INFINITY, 0.0], Guess::Unclear),
            (&[], Guess::Unclear),
        ] {
            assert_eq!(Guess::of(rows, 2), expected, "{rows:?}");
        }
        assert_eq!(Guess::of(&[1.0, 1.0], 1), Guess::Unclear);
    }

    #[test]
    fn a_sum_other_than_one_is_found() {
        assert_eq!(wrong_sum(&[0.25, 0.75, 1.0, 0.0, f32::NAN, 1.0], 2), None);
        assert_eq!(wrong_sum(&[0.25, 0.75, 1.0, 1.0], 2), Some(2.0));
        // A thousand classes that are rounded to 8 bits, with 0.4 steps for most.
        let mut row = vec![0.0; 1000];
        row[0] = 153.0 / 255.0;
        row[1] = 2.0 / 255.0;
        assert_eq!(wrong_sum(&row, 1000), None);
        assert_eq!(wrong_sum(&[1.0; 1000], 1000), Some(1000.0));
    }

    /// Ten classes, of which all but one have a probability of 1.4 steps: nine times 0.4 steps are missing.
    #[test]
    fn eight_bits_take_steps() {
        for step in [1.0 / 256.0, 1.0 / 255.0, 0.8 / 255.0] {
            let rounded = |value: f32| (value / step).round() * step;
            let mut row = [rounded(1.4 * step); 10];
            row[3] = rounded(1.0 - 9.0 * 1.4 * step);
            let sum: f32 = row.iter().sum();
            assert!((sum - 1.0).abs() > SUM_ROUNDING, "{sum}");
            assert_eq!(Guess::of(&row, 10), Guess::Probabilities, "{step}");
            // As far from 1 without steps.
            row[3] += 0.31 * step;
            row[4] += 0.17 * step;
            assert_eq!(Guess::of(&row, 10), Guess::Unclear, "{step}");
        }
        // So many classes that all of them may be rounded to nothing.
        let mut row = vec![0.0; 1000];
        (row[0], row[1]) = (3.0 / 256.0, 160.0 / 256.0);
        assert_eq!(Guess::of(&row, 1000), Guess::Unclear);
    }
}
