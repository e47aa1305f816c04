//! Copies the best weights to where `mbn-export` and `mbn-infer` look for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mbn_cli::{Hint, quote};
use mbn_files::{FileKind, Folders, check_output_file};
use mbn_spec::{Alpha, Training};
use mbn_weights::{Weights, published_weights, weight_file_kind};
use serde::{Deserialize, Serialize};

use super::names::BEST;
use crate::again;
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

    /// Writes the weights, the best of the run in the folder `run`, to the file, and says how to export them, wherever they are.
    pub fn publish(&self, weights: &Weights, run: &Path) -> Result<()> {
        let alpha = weights.architecture().alpha;
        let path = self.path(alpha);
        if let Some(path) = &path {
            let kept = match self {
                Self::Improvement => Kept::of(weights, path),
                Self::To(_) | Self::Never => None,
            };
            let Some(kept) = kept else {
                write(weights, path)?;
                let which = match self {
                    Self::To(path) => format!("--weights {}", quote(path)),
                    Self::Improvement | Self::Never => format!("--alpha {alpha}"),
                };
                log::info!(
                    "Published as `{}`; export it with `mbn-export {which} model.onnx`",
                    path.display()
                );
                return Ok(());
            };
            log::info!("{}", kept.message(path, run));
        }
        // `--alpha` would export other weights.
        log::info!(
            "Export this run with `mbn-export --weights {} model.onnx`",
            quote(&run.join(BEST))
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

/// Why the published weights are kept.
#[derive(Debug, PartialEq)]
struct Kept {
    reason: String,
    /// Whether `--publish` replaces what is there. It replaces weights alone.
    replaceable: bool,
}

impl Kept {
    /// Why the weights in `path` are kept, if they are.
    fn of(weights: &Weights, path: &Path) -> Option<Self> {
        if !path.exists() {
            return None;
        }
        let (reason, replaceable) = match Weights::load(path) {
            Ok(published) => (reason_to_keep(weights, &published)?, true),
            Err(error) => (format!("it cannot be read ({error})"), false),
        };
        Some(Self { reason, replaceable })
    }

    /// What is said of the file `path`, which the best weights of the run in the folder `run` do not replace.
    fn message(&self, path: &Path, run: &Path) -> String {
        let Self { reason, replaceable } = self;
        let replace = format!("`{} --publish {}`", again::resume(run), quote(path));
        let advice = match replaceable {
            true => format!("{replace} replaces it"),
            false => format!("move it away, and {replace} publishes this run"),
        };
        format!("`{}` stays as it is: {reason}; {advice}", path.display())
    }
}

/// Why the published weights are kept, if they are.
fn reason_to_keep(weights: &Weights, published: &Weights) -> Option<String> {
    let (old, new) = (
        published.metadata().training.as_ref(),
        weights.metadata().training.as_ref(),
    );
    let (Some(old), Some(new)) = (old, new) else {
        return Some("it has no record of its training".into());
    };
    if old.data_set != new.data_set {
        return Some(format!("it was trained on `{}`", old.data_set));
    }
    if published.class_names() != weights.class_names() {
        return Some(format!(
            "its classes are others than this run's, perhaps those of another data set called `{}`",
            old.data_set
        ));
    }
    if held_out(old) != held_out(new) {
        return Some("its accuracy was measured on other images".into());
    }
    if let (Some(tests), Some(own)) = (&old.test_fingerprint, &new.test_fingerprint)
        && tests != own
    {
        return Some(format!(
            "its accuracy was measured on other images than this run's, perhaps those of another data set called `{}`",
            old.data_set
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
