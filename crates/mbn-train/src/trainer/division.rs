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
            && let Some(warning) = self.warning(weights.metadata())
        {
            log::warn!("`{option} {}` {warning}", quote(path));
        }
    }

    /// What to say of weights that may know the test images; `None` if they do not.
    fn warning(&self, metadata: &Metadata) -> Option<String> {
        let training = metadata.training.as_ref()?;
        if !self.is_of(training, metadata) {
            return None;
        }
        let advice = self.advice(training)?;
        let of = match training.data_set == self.data_set {
            true => format!("`{}`", self.data_set),
            false => format!(
                "`{}`, which has the classes of `{}`,",
                training.data_set, self.data_set
            ),
        };
        Some(format!(
            "was trained on {of} with other test images, so it may have learned some that this run tests on, and the test accuracy \
             may be too high\nhint: {advice}"
        ))
    }

    /// What to do about weights of this data set that were tested on other images; `None` if they were not, as far as is known.
    fn advice(&self, training: &Training) -> Option<String> {
        let held_out = held_out(training);
        let tests = training.test_fingerprint.as_deref();
        if tests == Some(self.test_fingerprint) {
            return None;
        }
        Some(match (held_out, self.held_out) {
            // The same division, so that other test images come from other files. Weights of earlier versions do not name theirs.
            (theirs, own) if theirs == own => {
                tests?;
                let keep = match own {
                    Some(_) => {
                        "the `test_images.txt` of its run lists those that it held out, which stay test images in a folder `val`, \
                         whatever is added"
                    }
                    None => "put back into `val` or `test` those that were there",
                };
                format!(
                    "the data set has changed since: images that moved from training to test may be known; {keep}"
                )
            }
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

    /// Whether weights are from this data set, as far as names tell: its own and that of a class, or, where its folder has another
    /// name by now, those of all classes.
    fn is_of(&self, training: &Training, metadata: &Metadata) -> bool {
        let classes = metadata.classes.as_deref();
        match training.data_set == self.data_set {
            true => classes.is_none_or(|classes| classes.iter().any(|class| self.classes.contains(class))),
            false => classes == Some(self.classes),
        }
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
            (
                Some((0.2, 1)),
                Some((0.2, 0)),
                "`--seed 0 --val-fraction 0.2` holds out the same",
            ),
            (
                Some((0.3, 0)),
                Some((0.2, 0)),
                "`--seed 0 --val-fraction 0.2` holds out the same",
            ),
            (
                None,
                Some((0.2, 4)),
                "`--seed 4 --val-fraction 0.2`, which hold out the same ones again once",
            ),
            (
                Some((0.2, 0)),
                None,
                "put them back into `d`, and leave out `--val-fraction`",
            ),
        ] {
            let division = Division {
                data_set: "d",
                classes: &classes,
                held_out: own,
                test_fingerprint: "f",
            };
            for tests in [None, Some("g")] {
                let warning = division.warning(&metadata("d", "b", of_weights, tests)).unwrap();
                assert!(
                    warning.starts_with("was trained on `d` with") && warning.contains(expected),
                    "{warning}"
                );
            }
            // The same test images, however they came about, another data set, and other classes.
            for other in [
                metadata("d", "b", of_weights, Some("f")),
                metadata("e", "b", of_weights, None),
                metadata("d", "c", of_weights, None),
                Metadata::default(),
            ] {
                assert_eq!(division.warning(&other), None);
            }
        }
    }

    /// Images came or went, or moved between the folders on disk.
    #[test]
    fn other_test_images_of_the_same_division_are_noticed() {
        let classes = ["a".to_owned(), "b".to_owned()];
        for held_out in [None, Some((0.2, 0))] {
            let division = Division {
                data_set: "d",
                classes: &classes,
                held_out,
                test_fingerprint: "f",
            };
            let warning = |tests| division.warning(&metadata("d", "b", held_out, tests));
            assert!(
                warning(Some("g"))
                    .unwrap()
                    .contains("the data set has changed since")
            );
            // The same, and not known of weights of earlier versions.
            assert_eq!(warning(Some("f")), None);
            assert_eq!(warning(None), None);
        }
    }

    #[test]
    fn a_data_set_is_known_by_its_classes_when_its_folder_has_another_name() {
        let classes = ["z".to_owned(), "b".to_owned()];
        let division = Division {
            data_set: "moved",
            classes: &classes,
            held_out: Some((0.2, 3)),
            test_fingerprint: "f",
        };
        let warning = |class: &str, held_out, tests| division.warning(&metadata("d", class, held_out, tests));
        for (held_out, expected) in [
            (Some((0.2, 0)), "`--seed 0 --val-fraction 0.2` holds out the same"),
            (Some((0.2, 3)), "the data set has changed since"),
        ] {
            let warning = warning("b", held_out, Some("g")).unwrap();
            assert!(
                warning.starts_with("was trained on `d`, which has the classes of `moved`, with other")
                    && warning.contains(expected),
                "{warning}"
            );
        }
        assert_eq!(warning("b", Some((0.2, 0)), Some("f")), None);
        assert_eq!(warning("c", Some((0.2, 0)), Some("g")), None);
    }
}
