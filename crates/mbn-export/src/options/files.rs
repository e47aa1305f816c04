//! The files that are written: none may be one that is read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::Outputs;
use mbn_data::Pictures;

use super::Options;

impl Options {
    /// The files that are written, of which none may be `weights` or another file that is read.
    ///
    /// # Errors
    /// [`UsageError`](mbn_cli::UsageError) if one is, or if two are one file.
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
        folders.try_for_each(|folder| require_pictures_stay(&outputs, folder))
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
