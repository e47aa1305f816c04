//! The first class.

use std::cmp::Ordering;

/// The order of two scores, logits or probabilities: the higher one first. 0 and -0 are equal. It has a place for every number, as `>`
/// has not: NaN has one by its sign.
pub fn score_order(one: f32, other: f32) -> Ordering {
    // The total order puts -0 below 0; added to 0, both are 0.
    (other + 0.0).total_cmp(&(one + 0.0))
}

/// The class with the highest of the `scores` by [`score_order`]; of equal ones the first. `None` if there are no scores.
pub fn first_class(scores: &[f32]) -> Option<usize> {
    // Of equal ones, `min_by` gives the first.
    let first = scores
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| score_order(**a, **b));
    first.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(first_class(&[1.0, 3.0, 3.0]), Some(1));
        for zeros in [[-0.0, 0.0], [0.0, -0.0], [-0.0, -0.0]] {
            assert_eq!(first_class(&zeros), Some(0), "{zeros:?}");
            assert_eq!(first_class(&[&[-1.0], &zeros[..]].concat()), Some(1), "{zeros:?}");
        }
        assert_eq!(first_class(&[]), None);
    }
}
