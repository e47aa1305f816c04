//! The first class.

/// The class with the highest of the `scores`, logits or probabilities; of equal ones, as 0 and -0 are, the first. `None` if there are
/// no scores.
pub fn first_class(scores: &[f32]) -> Option<usize> {
    // The total order puts -0 below 0; added to 0, both are 0.
    let pairs = scores.iter().map(|score| score + 0.0).enumerate();
    pairs
        .max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)))
        .map(|(i, _)| i)
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
