//! The ticks of an axis and their labels.

/// Multiples of 1, 2 or 5 times a power of ten within `low..=high`: at most `most` of them, if possible, with a step of at
/// least `smallest_step`.
pub(crate) fn ticks(low: f64, high: f64, most: usize, smallest_step: f64) -> Vec<f64> {
    let step = step((high - low) / most.max(1) as f64).max(smallest_step);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let count = (last - first).clamp(0.0, 1000.0) as usize + 1;
    (0..count)
        .map(|index| (first + index as f64) * step)
        .filter(|&tick| tick <= high)
        .collect()
}

/// Ticks of an axis of epochs: whole numbers, and always the first epoch.
pub(crate) fn epoch_ticks(first: u32, last: u32) -> Vec<f64> {
    let (low, high) = (f64::from(first), f64::from(last));
    let mut ticks = ticks(low, high, 10, 1.0);
    let step = ticks.get(1).map_or(1.0, |second| second - ticks[0]);
    if ticks.first().is_none_or(|&tick| tick - low >= 0.5 * step) {
        ticks.insert(0, low);
    }
    ticks
}

/// The label of a whole number.
pub(crate) fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// `value` with as many decimals as ticks that are `step` apart need.
pub(crate) fn label(value: f64, step: f64) -> String {
    if step >= 1e6 || (step < 1e-4 && step > 0.0) {
        return format!("{value:e}");
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

/// The smallest round number that is not below `wanted`.
fn step(wanted: f64) -> f64 {
    if !(wanted.is_finite() && wanted > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(wanted.log10().floor());
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|multiple| multiple * power >= wanted * 0.999);
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_whole_numbers_that_begin_with_the_first() {
        assert_eq!(epoch_ticks(1, 1), [1.0]);
        assert_eq!(epoch_ticks(1, 2), [1.0, 2.0]);
        assert_eq!(
            epoch_ticks(1, 20),
            [1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0]
        );
        assert_eq!(epoch_ticks(1, 50)[..3], [1.0, 5.0, 10.0]);
        assert_eq!(
            epoch_ticks(1, 300),
            [1.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0]
        );
        assert_eq!(epoch_ticks(37, 41), [37.0, 38.0, 39.0, 40.0, 41.0]);
    }

    #[test]
    fn steps_are_round_and_within_the_axis() {
        assert_eq!(ticks(0.0, 100.0, 6, 0.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(0.43, 2.31, 6, 0.0), [0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn labels_have_the_decimals_of_the_step() {
        assert_eq!(label(0.5, 0.5), "0.5");
        assert_eq!(label(1.0, 0.25), "1.0");
        assert_eq!(label(20.0, 20.0), "20");
        assert_eq!(label(3e7, 1e7), "3e7");
    }
}
