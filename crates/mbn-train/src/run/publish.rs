//! Copies the best weights to where `mbn-export` and `mbn-infer` look for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_cli::{Hint, quote};
use mbn_files::{Folders, check_output_file};
use mbn_spec::{Alpha, Training};
use mbn_weights::{Weights, published_weights};
use serde::{Deserialize, Serialize};

use crate::settings::require_utf8;

/// Where the best weights of a run are copied to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Publish {
    /// To `models/`, if that is an improvement.
    #[default]
    Improvement,
    /// To this file, replacing it.
    To(PathBuf),
    /// Nowhere.
    Never,
}

impl Publish {
    /// What `--publish` and `--no-publish` ask for, if one of them is given.
    ///
    /// # Errors
    /// The path is not UTF-8, so that the saved state cannot hold it.
    pub fn asked_for(publish: Option<&Path>, no_publish: bool) -> Result<Option<Self>> {
        if let Some(path) = publish {
            require_utf8("--publish", path)?;
            return Ok(Some(Self::To(path.to_owned())));
        }
        Ok(no_publish.then_some(Self::Never))
    }

    /// The file, if the weights are published.
    fn path(&self, alpha: Alpha) -> Option<PathBuf> {
        match self {
            Self::Improvement => Some(published_weights(alpha)),
            Self::To(path) => Some(path.clone()),
            Self::Never => None,
        }
    }

    /// Refuses a file that cannot be written, before hours of training.
    pub fn require_writable(&self, alpha: Alpha) -> Result<()> {
        let Some(path) = self.path(alpha) else {
            return Ok(());
        };
        require_writable(&path)
            .with_context(|| {
                let option = if *self == Self::Improvement {
                    ""
                } else {
                    "--publish "
                };
                format!(
                    "the best weights cannot be published as `{option}{}`",
                    path.display()
                )
            })
            .hint(|| {
                "choose another file with `--publish PATH`, or publish nothing with `--no-publish`".to_owned()
            })
    }

    /// Writes the weights to the file.
    pub fn publish(&self, weights: &Weights) -> Result<()> {
        let alpha = weights.architecture().alpha;
        let Some(path) = self.path(alpha) else {
            return Ok(());
        };
        let which = match self {
            Self::To(path) => format!("--weights {}", quote(path)),
            _ => format!("--alpha {alpha}"),
        };
        if *self == Self::Improvement
            && let Some(reason) = reason_to_keep(weights, &path)
        {
            log::info!("`{}` stays as it is: {reason}", path.display());
            return Ok(());
        }
        write(weights, &path)?;
        log::info!(
            "Published as `{}`; export it with `mbn-export {which} model.onnx`",
            path.display()
        );
        Ok(())
    }
}

/// Refuses a file that cannot be written, even once the folders above it are created.
///
/// The error does not name `path`: the caller does, and says what the file is for.
pub(crate) fn require_writable(path: &Path) -> Result<()> {
    let checked = check_output_file(path, Folders::Created);
    checked.map_err(|error| error.problem)?;
    Ok(())
}

fn write(weights: &Weights, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    Ok(weights.save(path)?)
}

/// Why the published weights are kept, if they are.
fn reason_to_keep(weights: &Weights, path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    let published = match Weights::load(path) {
        Ok(published) => published,
        Err(error) => return Some(format!("it cannot be read ({error}); `--publish` replaces it")),
    };
    let (old, new) = (
        published.metadata().training.clone(),
        weights.metadata().training.clone(),
    );
    let (Some(old), Some(new)) = (old, new) else {
        return Some("it has no record of its training; `--publish` replaces it".into());
    };
    if old.data_set != new.data_set || published.class_names() != weights.class_names() {
        return Some(format!(
            "it was trained on `{}`; `--publish` replaces it",
            old.data_set
        ));
    }
    if held_out(&old) != held_out(&new) {
        return Some("its accuracy was measured on other images; `--publish` replaces it".into());
    }
    if let (Some(tests), Some(own)) = (&old.test_fingerprint, &new.test_fingerprint)
        && tests != own
    {
        return Some(format!(
            "its accuracy was measured on other images than this run's, perhaps those of another data set called `{}`; \
             `--publish {}` replaces it",
            old.data_set,
            quote(path)
        ));
    }
    let (old, new) = (old.accuracy, new.accuracy);
    (old >= new).then(|| format!("its accuracy of {old:.2} % is at least the {new:.2} % of this run"))
}

/// The part of the images that a training held out to test on, and the seed that chose them; `None` of a data set with test images of
/// its own.
pub(crate) fn held_out(training: &Training) -> Option<(f64, u64)> {
    training.val_fraction.map(|part| (part, training.seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mbn_model::fresh_weights;
    use mbn_spec::{Architecture, Metadata};

    fn trained(data_set: &str, accuracy: f64) -> Weights {
        let training = Training {
            data_set: data_set.into(),
            accuracy,
            ..Training::default()
        };
        let metadata = Metadata {
            training: Some(training),
            ..Metadata::default()
        };
        fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        for (name, part) in [
            ("", "it is a folder"),
            ("file/w", "is a file"),
            ("file/a/b/w", "is a file"),
        ] {
            let error = Publish::To(path(name)).require_writable(Alpha::One).unwrap_err();
            let message = format!("{error:#}");
            assert!(
                message.contains("`--publish ") && message.contains(part),
                "{message}"
            );
        }
        for name in ["w", "file", "a/b/w"] {
            Publish::To(path(name)).require_writable(Alpha::One).unwrap();
        }
        Publish::Never.require_writable(Alpha::One).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_better_weights_on_the_same_data_replace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models/w.safetensors");
        assert_eq!(reason_to_keep(&trained("a", 50.0), &path), None);
        write(&trained("a", 50.0), &path).unwrap();
        assert_eq!(reason_to_keep(&trained("a", 50.1), &path), None);
        assert!(
            reason_to_keep(&trained("a", 50.0), &path)
                .unwrap()
                .contains("50.00 %")
        );
        assert!(
            reason_to_keep(&trained("b", 90.0), &path)
                .unwrap()
                .contains("`a`")
        );
        // Other held-out images.
        let held_out = |part, seed| {
            let mut metadata = trained("a", 90.0).metadata().clone();
            let training = metadata.training.as_mut().unwrap();
            (training.val_fraction, training.seed) = (part, seed);
            fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
        };
        assert_eq!(reason_to_keep(&held_out(None, 1), &path), None);
        write(&held_out(Some(0.2), 1), &path).unwrap();
        for other in [held_out(None, 1), held_out(Some(0.1), 1), held_out(Some(0.2), 2)] {
            let reason = reason_to_keep(&other, &path).unwrap();
            assert!(reason.contains("measured on other images"), "{reason}");
        }
        // Another data set of that name. Files of earlier versions do not say which.
        let tested_on = |tests: Option<&str>| {
            let mut metadata = trained("a", 95.0).metadata().clone();
            metadata.training.as_mut().unwrap().test_fingerprint = tests.map(str::to_owned);
            fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
        };
        for (published, own, is_kept) in [
            (Some("f"), Some("g"), true),
            (Some("f"), None, false),
            (None, Some("g"), false),
        ] {
            let mut metadata = tested_on(published).metadata().clone();
            metadata.training.as_mut().unwrap().accuracy = 50.0;
            let old = tested_on(published).with_metadata(metadata).unwrap();
            write(&old, &path).unwrap();
            let reason = reason_to_keep(&tested_on(own), &path);
            assert_eq!(reason.is_some(), is_kept, "{reason:?}");
            if let Some(reason) = reason {
                let replaces = format!("`--publish {}` replaces it", path.display());
                assert!(
                    reason.contains("measured on other images") && reason.contains(&replaces),
                    "{reason}"
                );
            }
        }
        std::fs::write(&path, "broken").unwrap();
        assert!(
            reason_to_keep(&trained("a", 90.0), &path)
                .unwrap()
                .contains("cannot be read")
        );
    }
}
