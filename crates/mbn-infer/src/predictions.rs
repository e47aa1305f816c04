//! From probabilities to classes.

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

/// The `k` likeliest classes, likeliest first; ties keep the order of the classes.
pub fn top_k<'a>(probabilities: &[f32], class_names: &'a [String], k: usize) -> Vec<Prediction<'a>> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let prediction = |index: usize| Prediction {
        label: class_names.get(index).map_or("", String::as_str),
        index,
        probability: probabilities[index],
    };
    order.into_iter().take(k).map(prediction).collect()
}

/// How many classes come before `class` in the order of [`top_k`].
pub fn rank(probabilities: &[f32], class: usize) -> usize {
    let own = probabilities[class];
    let before = |(i, value): (usize, &f32)| *value > own || (*value == own && i < class);
    probabilities
        .iter()
        .enumerate()
        .filter(|pair| before(*pair))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("name {i}")).collect()
    }

    #[test]
    fn the_likeliest_come_first_and_ties_keep_their_order() {
        let names = names(4);
        let top = top_k(&[0.1, 0.4, 0.1, 0.4], &names, 3);
        assert_eq!(top.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 3, 0]);
        assert_eq!((top[0].label, top[0].probability), ("name 1", 0.4));
        assert_eq!(top_k(&[0.5, 0.5], &names, 9).len(), 2);
    }

    #[test]
    fn rank_agrees_with_top_k() {
        let probabilities = [0.1, 0.4, 0.1, 0.4, 0.0];
        for (place, prediction) in top_k(&probabilities, &names(5), 5).iter().enumerate() {
            assert_eq!(rank(&probabilities, prediction.index), place);
        }
    }
}
