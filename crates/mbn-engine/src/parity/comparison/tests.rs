//! Outputs that agree, and outputs that do not.

use super::super::tolerance::Difference;
use super::*;
use crate::engine::Provider;
use crate::precision::ModelPrecision;

const CLASSES: usize = 10;

/// Logits like a trained network's, different for each image.
fn logits(n: usize) -> Vec<f32> {
    (0..n * CLASSES)
        .map(|i| ((i * 7919) % 101) as f32 / 10.0 - 5.0)
        .collect()
}

fn float32() -> Comparison {
    let tolerance = Tolerance::of(ModelPrecision::Float32, &Provider::Cpu);
    Comparison::new(tolerance, false)
}

/// Whether a float16 model passes if its probabilities are the reference's, changed by `change`.
fn passes_as_probabilities(change: impl Fn(&mut [f32])) -> bool {
    let tolerance = Tolerance::of(ModelPrecision::Float16, &Provider::Cpu);
    let mut comparison = Comparison::new(tolerance, true);
    let n = 3;
    let mut found = logits(n);
    found.chunks_mut(CLASSES).for_each(softmax);
    change(&mut found);
    comparison.add(n, &found, &logits(n)).unwrap();
    comparison.passed()
}

#[test]
fn probabilities_are_compared_as_closely_as_logits() {
    assert!(passes_as_probabilities(|_| {}));
    assert!(passes_as_probabilities(|found| found
        .iter_mut()
        .for_each(|p| *p *= 1.01)));
    let set_least = |found: &mut [f32], value: fn(f32) -> f32| {
        let least = found[..CLASSES].iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
        *least = value(*least);
    };
    // Negligible as a probability, but its logit is off by one.
    assert!(!passes_as_probabilities(
        |found| set_least(found, |p| p * std::f32::consts::E)
    ));
    assert!(!passes_as_probabilities(|found| set_least(found, |_| 0.0)));
    assert!(!passes_as_probabilities(|found| found
        .iter_mut()
        .for_each(|p| *p *= 3.0)));
    assert!(!passes_as_probabilities(|found| found[4] = f32::NAN));
    assert!(!passes_as_probabilities(|found| found.rotate_left(1)));
    assert!(!passes_as_probabilities(|found| found.fill(0.1)));
}

#[test]
fn equal_logits_pass_and_changed_ones_do_not() {
    let change = 2e-4;
    let (mut comparison, mut found) = (float32(), logits(2));
    comparison.add(2, &found, &logits(2)).unwrap();
    assert!(comparison.passed());
    let differences = comparison.differences();
    assert_eq!((differences.images, differences.same_class), (2, 2));
    found[3] += change;
    comparison.add(2, &found, &logits(2)).unwrap();
    assert!(!comparison.passed());
    let mean = comparison.differences().mean();
    assert!((mean - f64::from(change) / 40.0).abs() < 1e-6, "{mean}");
    assert_eq!(comparison.differences().images, 4);
}

#[test]
fn outputs_that_are_not_finite_do_not_pass() {
    for value in [f32::NAN, f32::INFINITY] {
        let (mut comparison, mut found) = (float32(), logits(1));
        found[0] = value;
        comparison.add(1, &found, &logits(1)).unwrap();
        assert!(!comparison.passed(), "{value}");
        // Nor does a reference that is not finite, whatever fraction of it is allowed.
        let tolerance = Tolerance::of(ModelPrecision::Int8, &Provider::Cpu);
        let mut comparison = Comparison::new(tolerance, false);
        comparison.add(1, &logits(1), &found).unwrap();
        assert!(!comparison.passed(), "{value}");
    }
}

#[test]
fn another_number_of_values_is_an_error() {
    let error = float32().add(1, &[0.0; 3], &logits(1)).unwrap_err();
    assert!(
        matches!(
            error,
            ParityError::Sizes {
                found: 3,
                expected: CLASSES,
                images: 1
            }
        ),
        "{error}"
    );
}

#[test]
fn too_many_other_classes_do_not_pass() {
    let tolerance = Tolerance {
        difference: Difference::Absolute(100.0),
        ..Tolerance::of(ModelPrecision::Float16, &Provider::Cpu)
    };
    let mut comparison = Comparison::new(tolerance, false);
    for passes in [true, false] {
        let mut found = logits(1);
        found[0] += 50.0;
        comparison.add(1, &found, &logits(1)).unwrap();
        assert_eq!(comparison.passed(), passes);
    }
    let failure = comparison.failure().unwrap();
    assert_eq!(
        failure,
        "the first class differs on 2 of 2 images, of which 1 may differ"
    );
    comparison
        .add(
            1,
            &logits(1).iter().map(|x| x + 200.0).collect::<Vec<_>>(),
            &logits(1),
        )
        .unwrap();
    let failure = comparison.failure().unwrap();
    assert!(failure.contains("largest difference"), "{failure}");
}
