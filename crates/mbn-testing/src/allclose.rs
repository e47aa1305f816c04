//! Comparison of tensors like `torch.allclose`, with a message that shows where they differ.

use std::fmt::LowerExp;

/// How far a value may be off: `|found - expected| <= absolute + relative_to_max * largest expected magnitude`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Allowed difference, independent of the values.
    pub absolute: f32,
    /// Allowed difference as a fraction of the tensor's largest expected magnitude.
    pub relative_to_max: f32,
}

impl Tolerance {
    /// Bit for bit, for operations that only move values.
    pub const EXACT: Self = Self {
        absolute: 0.0,
        relative_to_max: 0.0,
    };
    /// Float64 values against the same values rounded to float32 once. Rounding moves a value by up to half a unit in
    /// its last place: 2^-24, or 6.0e-8, of its size.
    pub const ROUNDED_TO_FLOAT32: Self = Self {
        absolute: 1e-10,
        relative_to_max: 6e-8,
    };
    /// A few float64 operations, or a sum, in another order: some units in the last place.
    pub const FLOAT64: Self = Self {
        absolute: 1e-13,
        relative_to_max: 1e-13,
    };
    /// One float32 operation, or a short sum, in another order: a few units in the last place.
    pub const CLOSE: Self = Self {
        absolute: 1e-6,
        relative_to_max: 1e-5,
    };
    /// Float32 logits after 28 layers against float64: rounding grows with depth.
    pub const LOGITS: Self = Self {
        absolute: 1e-4,
        relative_to_max: 0.0,
    };
    /// Float32 gradients against float64: they pass through the network twice, and batch norm's backward pass
    /// subtracts sums of nearly equal size.
    pub const GRADIENT: Self = Self {
        absolute: 0.0,
        relative_to_max: 1e-3,
    };
    /// Float32 batch statistics deep in the network against float64: means over thousands of activations that every
    /// layer before has rounded.
    pub const CLOSE_AFTER_DEPTH: Self = Self {
        absolute: 1e-5,
        relative_to_max: 1e-4,
    };
    /// A derivative by central differences in float64 with a step of 1e-5: truncation and cancellation each leave
    /// about ten correct digits.
    pub const FINITE_DIFFERENCE_FLOAT64: Self = Self {
        absolute: 1e-9,
        relative_to_max: 1e-8,
    };
    /// A derivative by central differences in float32: truncation and the cancellation in `f(x + h) - f(x - h)` each
    /// leave about three correct digits.
    pub const FINITE_DIFFERENCE: Self = Self {
        absolute: 2e-3,
        relative_to_max: 1e-2,
    };
}

impl Tolerance {
    /// The same for a sum of `terms` values of order one and both signs. They may cancel, but each addition rounds at
    /// the size of the terms, however small the result.
    #[must_use]
    pub fn for_sum(self, terms: usize) -> Self {
        Self {
            absolute: self.absolute + terms as f32 * f32::EPSILON,
            ..self
        }
    }
}

/// How many differing values a message lists.
const LISTED: usize = 8;

/// A tensor's number: float32 or float64.
pub trait Float: Copy + Into<f64> + LowerExp {}

impl Float for f32 {}

impl Float for f64 {}

/// `None` if the values are close, else a message that lists the first ones that are not. A value that is not finite is
/// never close, not even to itself.
pub fn mismatch<F: Float, E: Float>(
    name: &str,
    found: &[F],
    expected: &[E],
    tolerance: Tolerance,
) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!(
            "{name}: {} values, expected {}",
            found.len(),
            expected.len()
        ));
    }
    let finite = expected
        .iter()
        .map(|v| (*v).into().abs())
        .filter(|v| v.is_finite());
    let largest = finite.fold(0.0, f64::max);
    let allowed = f64::from(tolerance.absolute) + f64::from(tolerance.relative_to_max) * largest;
    let difference = |f: F, e: E| (f.into() - e.into()).abs();
    let pairs = found
        .iter()
        .zip(expected)
        .enumerate()
        .map(|(i, (&f, &e))| (i, f, e));
    let is_close = |(_, f, e): &(usize, F, E)| difference(*f, *e) <= allowed;
    let differing: Vec<_> = pairs.filter(|pair| !is_close(pair)).collect();
    if differing.is_empty() {
        return None;
    }
    let worst = differing
        .iter()
        .map(|(_, f, e)| difference(*f, *e))
        .fold(0.0, f64::max);
    let mut message = format!(
        "{name}: {} of {} values differ by more than {allowed:.3e} (largest difference {worst:.3e}, largest expected value {largest:.3e})",
        differing.len(),
        found.len()
    );
    for (i, f, e) in differing.iter().take(LISTED) {
        message += &format!("\n  [{i}] found {f:e}, expected {e:e}");
    }
    Some(message)
}

/// How tensors are compared.
#[derive(Clone, Copy, Debug)]
pub enum Closeness {
    /// Each value on its own.
    Each(Tolerance),
    /// All values as one vector: the difference may be this fraction of its length. For tensors in which a few values may
    /// be far off.
    Length(f64),
}

impl Closeness {
    /// `None` if the values are close, else a message.
    pub fn mismatch(self, name: &str, found: &[f32], expected: &[f32]) -> Option<String> {
        let part = match self {
            Self::Each(tolerance) => return mismatch(name, found, expected, tolerance),
            Self::Length(part) => part,
        };
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let pairs = found.iter().zip(expected);
        let apart = length(&mut pairs.map(|(f, e)| f64::from(*f) - f64::from(*e)));
        let whole = length(&mut expected.iter().map(|e| f64::from(*e)));
        let close = found.len() == expected.len() && apart <= part * whole;
        (!close).then(|| {
            format!(
                "{name}: {} values are {apart:.3e} away from {} values of length {whole:.3e}, more than {part} of that",
                found.len(),
                expected.len()
            )
        })
    }
}

/// Panics with [`mismatch`]'s message if the values are not close.
#[track_caller]
pub fn assert_close<F: Float, E: Float>(name: &str, found: &[F], expected: &[E], tolerance: Tolerance) {
    if let Some(message) = mismatch(name, found, expected, tolerance) {
        panic!("{message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_close_values_and_lists_others() {
        assert_eq!(
            mismatch("x", &[1.0, 2.0], &[1.0, 2.00001], Tolerance::CLOSE),
            None
        );
        let message = mismatch("x", &[1.0, 2.5], &[1.0, 2.0], Tolerance::CLOSE).unwrap();
        assert!(message.contains("1 of 2 values"), "{message}");
        assert!(message.contains("[1] found 2.5e0, expected 2e0"), "{message}");
    }

    #[test]
    fn a_value_that_is_not_finite_is_never_close() {
        assert!(mismatch("x", &[f32::NAN], &[f32::NAN], Tolerance::LOGITS).is_some());
        assert!(mismatch("x", &[f32::NAN], &[1.0], Tolerance::LOGITS).is_some());
        assert!(mismatch("x", &[1.0], &[f32::NAN], Tolerance::LOGITS).is_some());
        assert!(mismatch("x", &[1.0], &[f32::INFINITY], Tolerance::GRADIENT).is_some());
        assert!(mismatch("x", &[f32::INFINITY], &[f32::INFINITY], Tolerance::EXACT).is_some());
    }

    #[test]
    fn a_length_forgives_single_values_only() {
        let (expected, found) = (vec![1.0; 100], [vec![1.0; 99], vec![2.0]].concat());
        let within = |part| Closeness::Length(part).mismatch("x", &found, &expected);
        assert_eq!(within(0.11), None);
        let message = within(0.09).unwrap();
        assert!(message.contains("1.000e0 away"), "{message}");
        let nan = [vec![1.0; 99], vec![f32::NAN]].concat();
        assert!(Closeness::Length(1.0).mismatch("x", &nan, &expected).is_some());
        assert!(
            Closeness::Length(1.0)
                .mismatch("x", &found[1..], &expected)
                .is_some()
        );
    }

    #[test]
    fn lengths_must_agree() {
        assert!(mismatch("x", &[1.0], &[1.0, 1.0], Tolerance::LOGITS).is_some());
    }
}
