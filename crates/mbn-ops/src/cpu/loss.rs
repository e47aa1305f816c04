//! Sums over the steps of training.

/// Adds the sum of the losses of a batch, whose mean is `loss`, and the number of its images whose predicted class is their
/// label, to the two `sums`.
pub(crate) fn tally(loss: &[f32], predicted: &[u32], labels: &[u32], sums: &mut [f32]) {
    let right = predicted
        .iter()
        .zip(labels)
        .filter(|(found, label)| found == label);
    let batch = [loss[0] * labels.len() as f32, right.count() as f32];
    for (sum, value) in sums.iter_mut().zip(batch) {
        *sum += value;
    }
}
