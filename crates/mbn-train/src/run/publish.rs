//! Copies the best weights to where `mbn-export` and `mbn-infer` look for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mbn_cli::{Hint, quote};
use mbn_files::{FileKind, Folders, check_output_file};
use mbn_spec::{Alpha, Training};
use mbn_weights::{Weights, published_weights, weight_file_kind};
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

    /// Refuses to replace a file of the user's with something else than weights in it.
    pub fn require_replaceable(&self) -> Result<()> {
        match self {
            Self::To(path) => require_weights(path)
                .with_context(|| format!("`--publish {}` cannot be written", path.display()))
                .hint(|| "choose another file with `--publish`, or move this one away".to_owned()),
            // Where the program chose the file, only worse weights are replaced.
            Self::Improvement | Self::Never => Ok(()),
        }
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

/// Refuses a file with something else than weights in it. The error does not name `path`, as that of [`require_writable`].
fn require_weights(path: &Path) -> Result<()> {
    let is_new = path
        .metadata()
        .map_or(true, |found| !found.is_file() || found.len() == 0);
    if is_new {
        return Ok(());
    }
    let kind = weight_file_kind(path).context("what is there cannot be read")?;
    // Of a zip, nothing shows that it holds weights.
    ensure!(
        kind.is_some_and(|kind| kind != FileKind::Zip),
        "there is a file already, which does not begin as weights do, and would be replaced"
    );
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
        Err(error) => {
            return Some(format!(
                "it cannot be read ({error}); move it away, or choose another file with `--publish`"
            ));
        }
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
mod tests;
