//! The files that are written: none may be one that is read.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, Outputs, UsageError, Written, quote, require_replaceable};
use mbn_data::Pictures;
use mbn_weights::{BEST_OF_RUN, is_weight_file};

use super::Options;

/// What a folder of a training run has.
const OF_RUN: [&str; 2] = ["settings.toml", BEST_OF_RUN];

impl Options {
    /// The files that are written, of which none may be `weights` or another file that is read.
    ///
    /// # Errors
    /// [`UsageError`] if one is, or if two are one file.
    pub fn require_distinct_files(&self, weights: Option<&Path>) -> Result<()> {
        let rejected = self.out.as_deref().filter(|_| self.keep_rejected).map(rejected);
        let outputs = [
            ("", self.out.clone()),
            ("--report", self.report.clone()),
            ("--keep-rejected", rejected),
        ];
        let outputs = Outputs::new(
            outputs
                .into_iter()
                .filter_map(|(option, path)| Some((option, path?))),
        )?;
        self.require_report_outside()?;
        let inputs = [weights, self.classes.as_deref(), self.ort_lib.as_deref()];
        for path in inputs.into_iter().flatten() {
            outputs.require_not_read(path)?;
        }
        // One folder may serve both.
        let calibration = self.calibration.as_ref();
        let folders = [
            self.check_images.as_ref(),
            calibration.filter(|_| self.calibration != self.check_images),
        ];
        let mut folders = folders.into_iter().flatten();
        folders.try_for_each(|folder| require_pictures_stay(&outputs, folder))?;
        self.require_replaceable()
    }
}

impl Options {
    /// OUT, or the repository in which it gets a place.
    pub(crate) fn place(&self) -> Option<&Path> {
        self.out.as_deref().or(self.triton.triton.as_deref())
    }

    /// Refuses to replace a file of another kind, or one of a training run.
    fn require_replaceable(&self) -> Result<()> {
        if let Some(report) = &self.report {
            require_replaceable("--report", report, Written::Text)?;
        }
        if let Some(kept) = self.out.as_deref().filter(|_| self.keep_rejected).map(rejected) {
            require_replaceable("--keep-rejected", &kept, Written::Onnx)?;
        }
        // A model is checked where it is written.
        let Some(out) = self.out.as_deref().filter(|out| is_weight_file(out)) else {
            return Ok(());
        };
        require_replaceable("", out, Written::Safetensors)?;
        let folder = or_current(out.parent().unwrap_or(Path::new("")));
        if !out.is_file() || !OF_RUN.iter().all(|name| folder.join(name).is_file()) {
            return Ok(());
        }
        let (shown, folder) = (out.display(), folder.display());
        Err(anyhow!(
            "`{shown}` is a file of the training run in `{folder}`, and would be replaced"
        ))
        .hint(|| {
            format!(
                "`--weights {}` exports what it holds; name another file to write",
                quote(out)
            )
        })
    }

    /// Refuses a report in the folder of a model in a repository, where it would replace a file that the server reads.
    fn require_report_outside(&self) -> Result<()> {
        let (Some(report), Some(repository)) = (&self.report, &self.triton.triton) else {
            return Ok(());
        };
        // A link leads elsewhere. A folder that is not there yet has no report, which needs one that is.
        let file = report.canonicalize();
        let folder = file.as_deref().unwrap_or(report).parent().map(or_current);
        let (Some(Ok(folder)), Ok(models)) = (folder.map(Path::canonicalize), repository.canonicalize())
        else {
            return Ok(());
        };
        if folder == models || !folder.starts_with(&models) {
            return Ok(());
        }
        let (report, repository) = (report.display(), repository.display());
        Err(UsageError(format!(
            "`--report {report}` lies in a model's folder of `--triton {repository}`, where a server reads every file"
        )))
        .hint(|| "write the report beside the repository".to_owned())
    }
}

/// A path's folder; that of a mere name is empty.
fn or_current(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

/// The name of a file that does not pass verification and is kept.
pub fn rejected(out: &Path) -> PathBuf {
    out.with_extension("rejected.onnx")
}

/// Refuses to replace a picture of a folder that is read. The folder may be large: it is searched only if there is a file that would
/// be replaced.
pub(crate) fn require_pictures_stay(outputs: &Outputs, folder: &Path) -> Result<()> {
    if !outputs.any_exists() {
        return Ok(());
    }
    let mut pictures = Pictures::of(folder).flatten();
    pictures.try_for_each(|picture| outputs.require_not_read(&picture))
}
