//! Precision, recall and F1 of each class.

use serde::Serialize;

use super::{Evaluation, part};

/// How well one class is told from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ClassScore {
    /// Images of the class.
    pub images: u64,
    /// Images that were taken for it.
    pub predicted: u64,
    /// Part of what was taken for it that is of it, from 0 to 1; `None` if nothing was.
    pub precision: Option<f64>,
    /// Part of its images that were taken for it, from 0 to 1; `None` without images.
    pub recall: Option<f64>,
    /// `2 TP / (images + predicted)`, the harmonic mean of both, from 0 to 1; `None` if both numbers are 0.
    pub f1: Option<f64>,
}

/// Means over the classes that have images, from 0 to 1. A class that nothing was taken for has a precision of 0 here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Means {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
}

impl Evaluation {
    /// The scores of each class, in the order of the classes.
    pub fn classes(&self) -> Vec<ClassScore> {
        let classes = self.confusion.classes();
        let mut right = vec![0; classes];
        let mut scores = vec![ClassScore::default(); classes];
        for (class, predicted, n) in self.confusion.pairs() {
            scores[class].images += n;
            scores[predicted].predicted += n;
            if class == predicted {
                right[class] = n;
            }
        }
        for (score, right) in scores.iter_mut().zip(right) {
            let of = |all: u64| (all > 0).then(|| part(right, all));
            score.precision = of(score.predicted);
            score.recall = of(score.images);
            score.f1 = of(score.images + score.predicted).map(|half| 2.0 * half);
        }
        scores
    }

    /// The means over the classes that have images.
    pub fn means(&self) -> Means {
        let classes = self.classes();
        let present: Vec<_> = classes.iter().filter(|score| score.images > 0).collect();
        let mean = |of: fn(&ClassScore) -> Option<f64>| {
            let values = present.iter().map(|score| of(score).unwrap_or(0.0));
            values.sum::<f64>() / present.len().max(1) as f64
        };
        Means {
            precision: mean(|score| score.precision),
            recall: mean(|score| score.recall),
            f1: mean(|score| score.f1),
        }
    }
}
