//! Softmax cross entropy.

/// Mean cross entropy of `logits` `[N, K]` against class indices, and the gradient of the logits. The target is
/// `1 - smoothing` on the label plus `smoothing / K` on every class.
pub fn cross_entropy(logits: &[f64], labels: &[usize], smoothing: f64) -> (f64, Vec<f64>) {
    let (n, k) = (labels.len() as f64, logits.len() / labels.len());
    let (mut loss, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
    for (row, label) in logits.chunks_exact(k).zip(labels) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|logit| (logit - largest).exp()).sum();
        for (class, logit) in row.iter().enumerate() {
            let log_probability = logit - largest - sum.ln();
            let on_label = if class == *label { 1.0 - smoothing } else { 0.0 };
            let target = on_label + smoothing / k as f64;
            loss -= target * log_probability / n;
            gradient.push((log_probability.exp() - target) / n);
        }
    }
    (loss, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.nn.functional.cross_entropy(torch.tensor([[1., 2., 3.], [1., -1., 0.5]]), torch.tensor([2, 1]),
    /// label_smoothing=s)` for s = 0 and 0.1; the gradient by central differences.
    #[test]
    fn agrees_with_pytorch_and_with_finite_differences() {
        const STEP: f64 = 1e-6;
        let logits = [1.0, 2.0, 3.0, 1.0, -1.0, 0.5];
        for (smoothing, expected) in [(0.0, 1.481_281_4), (0.1, 1.472_948_1)] {
            let (loss, gradient) = cross_entropy(&logits, &[2, 1], smoothing);
            assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
            for (i, gradient) in gradient.into_iter().enumerate() {
                let at = |step: f64| {
                    let mut moved = logits;
                    moved[i] += step;
                    cross_entropy(&moved, &[2, 1], smoothing).0
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                assert!((difference - gradient).abs() < 1e-8, "{difference} {gradient}");
            }
        }
    }
}
