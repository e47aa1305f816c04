//! From logits to probabilities, and back to logarithms that compare as logits do.

/// Smaller probabilities count as this one: below it float32 has fewer digits, down to 0, which has no logarithm.
const LEAST_PROBABILITY: f32 = f32::MIN_POSITIVE;

/// Replaces logits by `exp(x_i) / sum_j exp(x_j)`.
pub fn softmax(logits: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f64;
    for logit in &mut *logits {
        *logit = (*logit - largest).exp();
        sum += f64::from(*logit);
    }
    for value in logits {
        *value = (f64::from(*value) / sum) as f32;
    }
}

/// Replaces logits by `1 / (1 + exp(-x_i))`, each by itself.
pub fn sigmoid(logits: &mut [f32]) {
    for logit in logits {
        *logit = 1.0 / (1.0 + (-*logit).exp());
    }
}

/// Makes one image's probabilities comparable like logits: replaces `found` and `expected` by their logarithms, minus the
/// mean of the expected ones.
///
/// `ln p_i` is the logit `x_i` minus a constant of the row. Subtracting the mean removes that constant from the size of
/// the values too, and a tolerance may be a fraction of that size. Differences between the probabilities themselves say
/// little: with a thousand classes all of them may be below 0.05.
pub fn centred_logarithms(found: &mut [f32], expected: &mut [f32]) {
    // Not `max`, which would turn NaN into a number.
    let ln = |p: f32| {
        if p < LEAST_PROBABILITY {
            LEAST_PROBABILITY
        } else {
            p
        }
        .ln()
    };
    found.iter_mut().chain(&mut *expected).for_each(|p| *p = ln(*p));
    let sum: f64 = expected.iter().map(|&value| f64::from(value)).sum();
    let mean = (sum / expected.len().max(1) as f64) as f32;
    found.iter_mut().chain(expected).for_each(|value| *value -= mean);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_known_logits() {
        let mut values = [1.0, 2.0, 3.0];
        softmax(&mut values);
        let expected = [0.090_030_57, 0.244_728_47, 0.665_240_96];
        assert!(
            values.iter().zip(expected).all(|(v, e)| (v - e).abs() < 1e-6),
            "{values:?}"
        );
        let mut large = [1000.0, 0.0];
        softmax(&mut large);
        assert_eq!(large, [1.0, 0.0]);
    }

    #[test]
    fn sigmoid_of_known_logits() {
        let mut values = [0.0, 2.0, -1000.0, 1000.0];
        sigmoid(&mut values);
        assert!((values[1] - 0.880_797).abs() < 1e-6, "{values:?}");
        assert_eq!([values[0], values[2], values[3]], [0.5, 0.0, 1.0]);
    }

    #[test]
    fn logarithms_of_probabilities_are_logits_but_for_a_constant() {
        let logits = [1.0, -2.0, 4.0];
        let (mut found, mut expected) = (logits, logits.map(|x| x + 7.0));
        found[1] += 0.5;
        softmax(&mut found);
        softmax(&mut expected);
        // Its own row's constant moves with a logit.
        let moved = found[0].ln() - expected[0].ln();
        centred_logarithms(&mut found, &mut expected);
        let close = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(
            expected.iter().zip([0.0, -3.0, 3.0]).all(|(e, x)| close(*e, x)),
            "{expected:?}"
        );
        let differences = [moved, moved + 0.5, moved];
        assert!(
            (0..3).all(|i| close(found[i] - expected[i], differences[i])),
            "{found:?}"
        );
        assert!(found[1] - expected[1] > 0.49);
    }

    #[test]
    fn zero_has_a_finite_logarithm_and_nan_stays_nan() {
        let (mut found, mut expected) = ([0.0, 1.0, f32::NAN], [1e-45, 1.0, 0.5]);
        centred_logarithms(&mut found, &mut expected);
        assert_eq!(found[..2], expected[..2]);
        assert!(expected.iter().all(|value| value.is_finite()) && found[2].is_nan());
    }
}
