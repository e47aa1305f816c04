//! The first value in which two graphs part.

use mbn_engine::Output;
use mbn_engine::softmax::centred_logarithms;
use mbn_onnx::PROBABILITIES;
use mbn_spec::text::counted;

use crate::show::printable;

/// The first value in which two graphs part.
pub(super) struct Parting {
    pub name: String,
    pub what: String,
}

/// The largest tolerance for which probabilities are compared themselves.
const LARGEST_OF_PROBABILITIES: f32 = 1e-3;
/// How far the sum of float16 probabilities of a thousand classes may be from one.
const SUM_ROUNDING: f32 = 2e-2;

/// The first of the values that differ, and what the others have in common. Probabilities are compared by their logarithms,
/// as logits are, unless the tolerance is small: that for low precision is larger than most of them.
pub(super) fn part(
    names: &[String],
    a: &[Output],
    b: &[Output],
    tolerance: f32,
    ours: bool,
) -> (Option<Parting>, String) {
    let (mut parting, mut agree, mut largest) = (None, 0, (0.0, ""));
    for (name, (a, b)) in names.iter().zip(a.iter().zip(b)) {
        let are_logits_better = (ours && name == PROBABILITIES)
            || (tolerance > LARGEST_OF_PROBABILITIES && [a, b].into_iter().all(are_probabilities));
        let (difference, scale) = match are_logits_better && a.shape == b.shape {
            true => between_probabilities(a, b),
            false => between(&a.values, &b.values),
        };
        let what = if a.shape != b.shape {
            Some(format!(
                "its shape is {:?} in the first file, {:?} in the second",
                a.shape, b.shape
            ))
        } else if difference == f32::INFINITY {
            Some("an element is not finite in one of the files, and not the same in the other".to_owned())
        } else if difference > tolerance * scale {
            Some(format!(
                "largest difference {difference:.1e}, {:.1e} allowed",
                tolerance * scale
            ))
        } else {
            None
        };
        match what {
            None => {
                agree += 1;
                if difference / scale >= largest.0 {
                    largest = (difference / scale, name.as_str());
                }
            }
            Some(what) if parting.is_none() => {
                parting = Some(Parting {
                    name: name.clone(),
                    what,
                });
            }
            Some(_) => {}
        }
    }
    let differ = names.len() - agree;
    let text = match (&parting, agree) {
        (_, 0) => "no value agrees".to_owned(),
        (None, _) => format!(
            "largest relative difference {:.1e}, in `{}`",
            largest.0,
            printable(largest.1)
        ),
        (Some(_), _) => format!("{} agree, {differ} differ", counted(agree, "value")),
    };
    (parting, text)
}

/// Whether each row has positive values that sum to one.
fn are_probabilities(output: &Output) -> bool {
    let classes = output
        .shape
        .last()
        .and_then(|classes| usize::try_from(*classes).ok());
    let Some(classes) = classes.filter(|classes| *classes > 1) else {
        return false;
    };
    let is_one = |row: &[f32]| {
        row.iter().all(|value| *value > 0.0) && (row.iter().sum::<f32>() - 1.0).abs() < SUM_ROUNDING
    };
    !output.values.is_empty() && output.values.chunks(classes).all(is_one)
}

/// The largest difference, and what it is a fraction of: the largest finite element of `a`, or 1 if that is larger. An infinity
/// says nothing of the size of the others.
fn between(a: &[f32], b: &[f32]) -> (f32, f32) {
    let finite = a.iter().filter(|value| value.is_finite());
    let scale = finite.fold(1.0, |scale: f32, value| scale.max(value.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| difference(*a, *b));
    (differences.fold(0.0, f32::max), scale)
}

/// The same of the logarithms, row by row.
fn between_probabilities(a: &Output, b: &Output) -> (f32, f32) {
    let classes = a.shape.last().and_then(|classes| usize::try_from(*classes).ok());
    let classes = classes.unwrap_or(1).max(1);
    let (mut of_a, mut of_b) = (a.values.clone(), b.values.clone());
    for (a, b) in of_a.chunks_mut(classes).zip(of_b.chunks_mut(classes)) {
        centred_logarithms(b, a);
    }
    between(&of_a, &of_b)
}

/// How far two elements are apart: infinitely, if only one of them is finite, or they are not finite in another way.
fn difference(a: f32, b: f32) -> f32 {
    match a.is_finite() && b.is_finite() {
        true => (a - b).abs().min(f32::MAX),
        false if a == b || (a.is_nan() && b.is_nan()) => 0.0,
        false => f32::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(name: &str, a: &[f32], b: &[f32], tolerance: f32) -> Option<String> {
        let output = |values: &[f32]| Output {
            name: name.to_owned(),
            shape: vec![1, values.len() as i64],
            values: values.to_vec(),
        };
        let (parting, _) = part(&[name.to_owned()], &[output(a)], &[output(b)], tolerance, true);
        parting.map(|parting| parting.what)
    }

    #[test]
    fn an_infinity_hides_no_difference() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        for (a, b) in [
            ([inf, 0.0], [0.0, 500.0]),
            ([inf, 0.0], [inf, 500.0]),
            ([inf, 0.0], [-inf, 0.0]),
            ([inf, 0.0], [3e38, 0.0]),
            ([0.0, 0.0], [inf, 0.0]),
            ([nan, 0.0], [0.0, 0.0]),
            ([nan, inf], [inf, nan]),
        ] {
            for tolerance in [1e-4, 0.5, f32::MAX] {
                let same = compare("x", &a, &b, tolerance).is_none();
                let is_finite = a[0] == b[0] && tolerance == f32::MAX;
                assert_eq!(same, is_finite, "{a:?} {b:?} {tolerance}");
            }
        }
        assert_eq!(compare("x", &[inf, nan, 1.0], &[inf, nan, 1.0], 0.0), None);
    }

    /// Of another tool's files, nothing but the values shows that they are probabilities.
    #[test]
    fn probabilities_of_other_tools_are_compared_as_logits() {
        let rows = |skew: f32| -> Vec<f32> {
            let logits: Vec<f32> = (0..1000).map(|i| skew * (i as f32 * 0.7).sin()).collect();
            let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
            logits.iter().map(|logit| logit.exp() / sum).collect()
        };
        let output = |values: Vec<f32>| Output {
            name: "p".to_owned(),
            shape: vec![1, 1000],
            values,
        };
        let compare = |a: f32, b: f32, tolerance: f32| {
            let (a, b) = (output(rows(a)), output(rows(b)));
            part(&["p".to_owned()], &[a], &[b], tolerance, false).0.is_some()
        };
        assert!(compare(1.0, -1.0, 0.05) && compare(1.0, -1.0, 0.5));
        assert!(!compare(1.0, 1.01, 0.05));
    }

    /// A tolerance of a half would let any probability be any other.
    #[test]
    fn probabilities_are_compared_by_their_logarithms() {
        let (a, b) = ([0.98, 0.01, 0.01], [0.52, 0.01, 0.47]);
        assert!(compare(PROBABILITIES, &a, &b, 0.5).is_some());
        // No probabilities.
        let double = |values: [f32; 3]| values.map(|value| 2.0 * value);
        assert!(compare("x", &double(a), &double(b), 0.5).is_none());
        assert!(compare(PROBABILITIES, &a, &[0.979, 0.0102, 0.0108], 0.05).is_none());
    }
}
