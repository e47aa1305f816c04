//! The division of a data set into training and test images, and weights that were trained on another.

use std::path::Path;

use mbn_cli::quote;
use mbn_data::Splits;
use mbn_spec::{Metadata, Training};
use mbn_weights::Weights;

use crate::run::held_out;
use crate::settings::Settings;

/// How a run divides its data set.
pub(super) struct Division<'a> {
    data_set: &'a str,
    classes: &'a [String],
    held_out: HeldOut,
    test_fingerprint: &'a str,
}

/// What [`held_out`] gives.
type HeldOut = Option<(f64, u64)>;

impl<'a> Division<'a> {
    pub fn of(settings: &Settings, data: &'a Splits, test_fingerprint: &'a str) -> Self {
        Self {
            data_set: &data.name,
            classes: &data.class_names,
            held_out: settings.val_fraction.map(|part| (part.get(), settings.seed)),
            test_fingerprint,
        }
    }

    /// Warns if the weights of an option may have been trained on images that the run tests on: its accuracy would say too much.
    pub fn warn_of_seen(&self, option: &str, path: Option<&Path>, weights: Option<&Weights>) {
        if let (Some(path), Some(weights)) = (path, weights)
            && let Some(advice) = self.advice(weights.metadata())
        {
            log::warn!(
                "`{option} {}` was trained on `{}` with other test images, so it may have learned some that this run tests on, and the \
                 test accuracy may be too high\nhint: {advice}",
                quote(path),
                self.data_set
            );
        }
    }

    /// What to do about weights that may know the test images; `None` if they do not.
    fn advice(&self, metadata: &Metadata) -> Option<String> {
        let training = metadata.training.as_ref()?;
        let held_out = held_out(training);
        let has_same_tests = training.test_fingerprint.as_deref() == Some(self.test_fingerprint);
        if !self.is_of(training, metadata) || held_out == self.held_out || has_same_tests {
            return None;
        }
        Some(match (held_out, self.held_out) {
            (Some((part, seed)), Some(_)) => {
                format!("`--seed {seed} --val-fraction {part}` holds out the same images as its training did")
            }
            (Some((part, seed)), None) => format!(
                "its training held out images with `--seed {seed} --val-fraction {part}`, which hold out the same ones again once the \
                 test images of `{}` lie elsewhere",
                self.data_set
            ),
            (None, _) => format!(
                "its training tested on images in a folder of their own, `val` or `test`: put them back into `{}`, and leave out \
                 `--val-fraction`",
                self.data_set
            ),
        })
    }

    /// Whether weights are from this data set, as far as names tell: its own and that of a class.
    fn is_of(&self, training: &Training, metadata: &Metadata) -> bool {
        let classes = metadata.classes.as_deref();
        training.data_set == self.data_set
            && classes.is_none_or(|classes| classes.iter().any(|class| self.classes.contains(class)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(data_set: &str, class: &str, held_out: HeldOut, tests: Option<&str>) -> Metadata {
        Metadata {
            classes: Some(vec!["z".to_owned(), class.to_owned()]),
            training: Some(Training {
                data_set: data_set.to_owned(),
                seed: held_out.map_or(9, |(_, seed)| seed),
                val_fraction: held_out.map(|(part, _)| part),
                test_fingerprint: tests.map(str::to_owned),
                ..Training::default()
            }),
            ..Metadata::default()
        }
    }

    #[test]
    fn weights_that_know_test_images_are_told_from_others() {
        let classes = ["a".to_owned(), "b".to_owned()];
        for (own, of_weights, expected) in [
            (Some((0.2, 0)), Some((0.2, 0)), None),
            (None, None, None),
            (
                Some((0.2, 1)),
                Some((0.2, 0)),
                Some("`--seed 0 --val-fraction 0.2` holds out the same"),
            ),
            (
                Some((0.3, 0)),
                Some((0.2, 0)),
                Some("`--seed 0 --val-fraction 0.2` holds out the same"),
            ),
            (
                None,
                Some((0.2, 4)),
                Some("`--seed 4 --val-fraction 0.2`, which hold out the same ones again once"),
            ),
            (
                Some((0.2, 0)),
                None,
                Some("put them back into `d`, and leave out `--val-fraction`"),
            ),
        ] {
            let division = Division {
                data_set: "d",
                classes: &classes,
                held_out: own,
                test_fingerprint: "f",
            };
            for tests in [None, Some("g")] {
                let advice = division.advice(&metadata("d", "b", of_weights, tests));
                match expected {
                    None => assert_eq!(advice, None),
                    Some(expected) => assert!(
                        advice.as_ref().is_some_and(|advice| advice.contains(expected)),
                        "{advice:?}"
                    ),
                }
            }
            // The same test images, however they came about, another data set, and other classes.
            for other in [
                metadata("d", "b", of_weights, Some("f")),
                metadata("e", "b", of_weights, None),
                metadata("d", "c", of_weights, None),
                Metadata::default(),
            ] {
                assert_eq!(division.advice(&other), None);
            }
        }
    }
}
