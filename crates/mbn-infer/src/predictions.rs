//! From probabilities to classes.

use std::cmp::Ordering;

use mbn_model::{first_class, score_order};
use serde::Serialize;

/// A class and its probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction<'a> {
    /// The class's name.
    pub label: &'a str,
    /// The class's index.
    pub index: usize,
    /// Between 0 and 1.
    pub probability: f32,
}

/// The class that an image is known to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TrueClass<'a> {
    /// The class's name.
    pub label: &'a str,
    /// The class's index.
    pub index: usize,
}

/// What is written about an image that was classified.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classified<'a> {
    /// Its likeliest classes, likeliest first; at least one.
    pub predictions: &'a [Prediction<'a>],
    /// Whether the likeliest class is under the threshold, if there is one.
    pub is_uncertain: Option<bool>,
    /// The logits of all classes in their order, if they are wanted.
    pub logits: Option<&'a [f32]>,
    /// The pooled features, if they are wanted.
    pub features: Option<&'a [f32]>,
}

impl<'a> Classified<'a> {
    /// The predictions from `threshold` on, and the likeliest in any case.
    pub fn new(predictions: &'a [Prediction<'a>], threshold: Option<f32>) -> Self {
        let reach = |threshold| predictions.partition_point(|p| p.probability >= threshold);
        let certain = threshold.map(reach);
        Self {
            predictions: &predictions[..certain.unwrap_or(predictions.len()).max(1).min(predictions.len())],
            is_uncertain: certain.map(|n| n == 0),
            ..Self::default()
        }
    }

    /// The logit of a prediction's class.
    pub fn logit(&self, prediction: &Prediction<'_>) -> Option<f32> {
        self.logits?.get(prediction.index).copied()
    }
}

/// The classes of an image in the order of the model's outputs, and which of them are likelier.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// A probability for each class.
    pub probabilities: &'a [f32],
    /// What orders the classes.
    values: &'a [f32],
}

impl<'a> Ranked<'a> {
    /// Classes with these probabilities, in the order of the outputs that the probabilities were made of: those may differ
    /// where the probabilities are rounded to the same number, as sigmoid is 1 from 17 on.
    pub fn new(probabilities: &'a [f32], outputs: &'a [f32]) -> Self {
        Self {
            probabilities,
            values: match outputs.len() == probabilities.len() {
                true => outputs,
                // One output stands for two classes.
                false => probabilities,
            },
        }
    }

    /// The likeliest class; of equal ones the first.
    pub fn first(self) -> Option<usize> {
        first_class(self.values)
    }

    /// The `k` likeliest classes, likeliest first; ties keep the order of the classes.
    pub fn top_k<'n>(self, class_names: &'n [String], k: usize) -> Vec<Prediction<'n>> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        let compare = |a: &usize, b: &usize| self.order(*a, *b);
        // No two are equal in this order, so those that come first are the same however they are found.
        if (1..order.len()).contains(&k) {
            order.select_nth_unstable_by(k - 1, compare);
            order.truncate(k);
        }
        order.sort_unstable_by(compare);
        let prediction = |index: usize| Prediction {
            label: class_names.get(index).map_or("", String::as_str),
            index,
            probability: self.probabilities[index],
        };
        order.into_iter().take(k).map(prediction).collect()
    }

    /// How many classes come before `class` in the order of [`Ranked::top_k`].
    pub fn rank(self, class: usize) -> usize {
        let others = 0..self.values.len();
        others.filter(|&other| self.order(other, class).is_lt()).count()
    }

    /// The one order of classes, which is that of [`first_class`]: the likelier one first, of equal ones the first.
    fn order(self, a: usize, b: usize) -> Ordering {
        score_order(self.values[a], self.values[b]).then(a.cmp(&b))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probabilities that are as they come.
    fn ranked(probabilities: &[f32]) -> Ranked<'_> {
        Ranked::new(probabilities, probabilities)
    }

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("name {i}")).collect()
    }

    #[test]
    fn the_likeliest_come_first_and_ties_keep_their_order() {
        let names = names(4);
        let top = ranked(&[0.1, 0.4, 0.1, 0.4]).top_k(&names, 3);
        assert_eq!(top.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 3, 0]);
        assert_eq!((top[0].label, top[0].probability), ("name 1", 0.4));
        assert_eq!(ranked(&[0.5, 0.5]).top_k(&names, 9).len(), 2);
    }

    #[test]
    fn a_threshold_leaves_out_all_but_the_likeliest() {
        let names = names(4);
        let all = ranked(&[0.1, 0.4, 0.2, 0.3]).top_k(&names, 3);
        for (threshold, kept, is_uncertain) in [
            (None, 3, None),
            (Some(0.0), 3, Some(false)),
            (Some(0.3), 2, Some(false)),
            (Some(0.4), 1, Some(false)),
            (Some(0.5), 1, Some(true)),
        ] {
            let found = Classified::new(&all, threshold);
            assert_eq!(
                (found.predictions.len(), found.is_uncertain),
                (kept, is_uncertain)
            );
        }
        assert_eq!(Classified::new(&[], Some(0.5)).predictions.len(), 0);
    }

    proptest! {
        /// The first class, the likeliest classes and a class's rank follow one order, whatever a model gives.
        #[test]
        fn first_and_rank_agree_with_top_k(values in prop::collection::vec(
            prop::sample::select(vec![0.1, 0.4, 0.0, -0.0, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY]), 1..9)) {
            let found = ranked(&values);
            let names = names(values.len());
            let top = found.top_k(&names, values.len());
            prop_assert_eq!(found.first(), Some(top[0].index));
            for (place, prediction) in top.iter().enumerate() {
                prop_assert_eq!(found.rank(prediction.index), place);
            }
        }
    }

    /// Top-5 is never below top-1: the first class has rank 0.
    #[test]
    fn both_zeros_have_one_order() {
        for values in [[-0.0, 0.0], [0.0, -0.0]] {
            let found = ranked(&values);
            let first = found.first().unwrap();
            assert_eq!((found.rank(first), found.rank(1 - first)), (0, 1));
        }
    }

    #[test]
    fn outputs_order_what_is_rounded_to_one_probability() {
        let found = Ranked::new(&[1.0, 0.0, 1.0, 0.0], &[20.0, -120.0, 25.0, -110.0]);
        let names = names(4);
        let top = found.top_k(&names, 4);
        assert_eq!(top.iter().map(|p| p.index).collect::<Vec<_>>(), [2, 0, 3, 1]);
        assert_eq!((found.first(), found.rank(2), found.rank(1)), (Some(2), 0, 3));
        // A sigmoid of two classes.
        let found = Ranked::new(&[0.75, 0.25], &[0.25]);
        assert_eq!((found.first(), found.rank(1)), (Some(0), 1));
    }
}
