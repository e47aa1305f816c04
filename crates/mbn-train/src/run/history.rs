//! The results of each epoch, as in `history.csv`.

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// A row of `history.csv`. Accuracies are per cent; `images_per_s` covers training only.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean training loss, label smoothing and the share of a teacher included, while the weights changed.
    pub train_loss: f64,
    /// Accuracy on the augmented training images, while the weights changed; the larger share of a mixed image counts.
    pub train_accuracy: f64,
    /// Mean cross entropy on the test set.
    pub test_loss: f64,
    /// Accuracy on the test set.
    pub test_accuracy: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Training images per second.
    pub images_per_s: f64,
}

/// The history as CSV, with a header.
///
/// # Errors
/// A row cannot be serialised.
pub fn to_csv(history: &[Epoch]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for epoch in history {
        writer.serialize(epoch)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_the_contract() {
        let epoch = Epoch {
            epoch: 1,
            train_loss: 2.5,
            train_accuracy: 20.0,
            test_loss: 2.0,
            test_accuracy: 30.25,
            learning_rate: 0.1,
            images_per_s: 100.0,
        };
        let csv = String::from_utf8(to_csv(&[epoch]).unwrap()).unwrap();
        let mut lines = csv.lines();
        let header = "epoch,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,images_per_s";
        assert_eq!(lines.next(), Some(header));
        assert_eq!(lines.next(), Some("1,2.5,20.0,2.0,30.25,0.1,100.0"));
    }
}
