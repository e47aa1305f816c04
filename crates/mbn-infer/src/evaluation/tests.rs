//! Figures beside those of a plain computation.

use proptest::prelude::*;

use super::*;
use crate::output::MadeBy;

/// Sums in another order.
const ROUNDING: f64 = 1e-9;

/// Probabilities with `confidence` for one of three classes.
fn row(predicted: usize, confidence: f32) -> [f32; 3] {
    let mut row = [(1.0 - confidence) / 2.0; 3];
    row[predicted] = confidence;
    row
}

/// Probabilities that are ordered as they are.
fn ranked(probabilities: &[f32]) -> Ranked<'_> {
    Ranked::new(probabilities, probabilities)
}

#[test]
fn scores_are_those_of_the_textbook() {
    let mut evaluation = Evaluation::new(4);
    // True class, predicted class: three of class 0, two of class 1, none of class 2 and 3.
    for (class, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)] {
        evaluation.add(ranked(&row(predicted, 0.9)), class);
    }
    let scores = evaluation.classes();
    let found: Vec<_> = scores
        .iter()
        .map(|score| (score.images, score.predicted))
        .collect();
    assert_eq!(found, [(3, 2), (2, 2), (0, 1), (0, 0)]);
    let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < ROUNDING;
    assert!(
        close(scores[0].precision, 1.0) && close(scores[0].recall, 2.0 / 3.0) && close(scores[0].f1, 0.8)
    );
    assert!(close(scores[1].precision, 0.5) && close(scores[1].recall, 0.5) && close(scores[1].f1, 0.5));
    assert!(close(scores[2].precision, 0.0) && scores[2].recall.is_none() && close(scores[2].f1, 0.0));
    assert_eq!(
        (scores[3].precision, scores[3].recall, scores[3].f1),
        (None, None, None)
    );
    let means = evaluation.means();
    assert!(
        close(Some(means.precision), 0.75)
            && close(Some(means.recall), 7.0 / 12.0)
            && close(Some(means.f1), 0.65)
    );
    assert_eq!(evaluation.confusion.count(0, 1), 1);
    assert_eq!(
        evaluation.to_string().lines().next().unwrap(),
        "accuracy: top-1 60.00 %, top-5 100.00 % of 5 images"
    );
}

#[test]
fn equal_probabilities_count_for_the_first_class() {
    let mut evaluation = Evaluation::new(6);
    for class in 0..6 {
        evaluation.add(ranked(&[1.0 / 6.0; 6]), class);
    }
    let close = |found: f64, expected: f64| (found - expected).abs() < ROUNDING;
    assert!(close(evaluation.top1(), 1.0 / 6.0) && close(evaluation.top5(), 5.0 / 6.0));
    assert_eq!(evaluation.classes()[0].predicted, 6);
}

#[test]
fn calibration_compares_accuracy_with_confidence() {
    // Always right and always sure, to the last range.
    let mut sure = Evaluation::new(3);
    (0..3).for_each(|class| sure.add(ranked(&row(class, 1.0)), class));
    assert_eq!(sure.calibration_error(), 0.0);
    assert_eq!(sure.reliability()[BINS - 1].images, 3);
    // Sure and always wrong.
    let mut wrong = Evaluation::new(3);
    (0..3).for_each(|class| wrong.add(ranked(&row((class + 1) % 3, 1.0)), class));
    assert_eq!(wrong.calibration_error(), 1.0);
    // Eight of ten at 0.8, and one of two at 0.9: `(10 * 0 + 2 * 0.4) / 12`.
    let mut mixed = Evaluation::new(3);
    (0..10).for_each(|i| mixed.add(ranked(&row(usize::from(i < 2), 0.8)), 0));
    (0..2).for_each(|i| mixed.add(ranked(&row(i, 0.9)), 0));
    assert!(
        (mixed.calibration_error() - 0.8 / 12.0).abs() < 1e-7,
        "{}",
        mixed.calibration_error()
    );
}

proptest! {
    /// Every image is in one cell, one range, and one row of the scores.
    #[test]
    fn nothing_is_lost(images in prop::collection::vec((prop::collection::vec(0.0f32..1.0, 7), 0usize..7), 1..60)) {
        let mut evaluation = Evaluation::new(7);
        for (probabilities, class) in &images {
            evaluation.add(ranked(probabilities), *class);
        }
        let n = images.len() as u64;
        prop_assert_eq!(evaluation.images, n);
        prop_assert_eq!(evaluation.confusion.images(), u128::from(n));
        prop_assert_eq!(evaluation.reliability().iter().map(|bin| bin.images).sum::<u64>(), n);
        let scores = evaluation.classes();
        prop_assert_eq!(scores.iter().map(|score| score.images).sum::<u64>(), n);
        prop_assert_eq!(scores.iter().map(|score| score.predicted).sum::<u64>(), n);
        let right = images.iter().filter(|(probabilities, class)| ranked(probabilities).rank(*class) == 0).count();
        prop_assert!((evaluation.top1() - right as f64 / n as f64).abs() < ROUNDING);
        prop_assert!(evaluation.top5() >= evaluation.top1());
        let recalled: f64 = scores.iter().map(|score| score.recall.unwrap_or(0.0) * score.images as f64).sum();
        prop_assert!((recalled / n as f64 - evaluation.top1()).abs() < ROUNDING);
    }
}

#[test]
fn no_certain_image_has_no_accuracy() {
    let mut evaluation = Evaluation::new(2).with_threshold(Some(0.9));
    evaluation.add(ranked(&[0.6, 0.4]), 0);
    let text = evaluation.to_string();
    assert!(
        text.ends_with("at a probability of 0.9 or more: 0.00 % of the images"),
        "{text}"
    );
    evaluation.add(ranked(&[0.95, 0.05]), 0);
    let text = evaluation.to_string();
    assert!(
        text.ends_with("50.00 % of the images, top-1 100.00 % of them"),
        "{text}"
    );
}

#[test]
fn thousands_of_classes_have_all_files() {
    const CLASSES: usize = 20_000;
    let mut evaluation = Evaluation::new(CLASSES);
    let mut probabilities = vec![0.0; CLASSES];
    probabilities[CLASSES - 1] = 1.0;
    evaluation.add(ranked(&probabilities), 3);
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..CLASSES).map(|class| class.to_string()).collect();
    let measured = Measured {
        model: "a model",
        engine: "an engine",
        paths: &[],
        unusable: 0,
        made_by: &MadeBy::new([]),
    };
    write(&evaluation, measured, &names, folder.path()).unwrap();
    for file in FILES {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}
