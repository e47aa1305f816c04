//! The files that options name.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::Outputs;
use mbn_files::PartialFile;

use super::Options;
use crate::classes;
use crate::evaluation;
use crate::model;

/// What describes a model's preprocessing and classes beside it.
const BESIDE: [&str; 2] = ["config.json", "preprocessor_config.json"];

impl Options {
    /// The files that are written. None is one that an option or a path names for reading; what folders and lists hold is not known
    /// yet.
    ///
    /// # Errors
    /// [`mbn_cli::UsageError`] if one is, or if two are one file.
    pub fn outputs(&self) -> Result<Outputs> {
        let partial = self.output.as_deref().and_then(PartialFile::name_of);
        let files = [
            ("--output", self.output.clone()),
            ("--output", partial),
            ("--html", self.html.clone()),
        ];
        let files = files
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)));
        let folder = self.evaluation.iter();
        let found =
            folder.flat_map(|folder| evaluation::FILES.map(|name| ("--evaluation", folder.join(name))));
        let outputs = Outputs::new(files.chain(found))?;
        let model = self.model.as_deref().unwrap_or(Path::new(model::DEFAULT_MODEL));
        let beside: Vec<PathBuf> = [BESIDE, classes::BESIDE]
            .concat()
            .into_iter()
            .map(|name| model.with_file_name(name))
            .filter(|path| path.exists())
            .collect();
        let named = [
            Some(model),
            self.list.as_deref(),
            self.classes.as_deref(),
            self.weights.as_deref(),
            self.ort_lib.as_deref(),
        ];
        let stdin = Path::new("-");
        let paths = self.paths.iter().chain(&beside).map(PathBuf::as_path);
        let inputs = named.into_iter().flatten().chain(paths);
        for path in inputs.filter(|path| *path != stdin) {
            outputs.require_not_read(path)?;
        }
        Ok(outputs)
    }
}
