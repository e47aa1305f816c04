//! The first class.

/// The class with the highest of the `scores`, logits or probabilities; of equal ones the first. `None` if there are no scores.
pub fn first_class(scores: &[f32]) -> Option<usize> {
    let pairs = scores.iter().enumerate();
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
        assert_eq!(first_class(&[]), None);
    }
}
