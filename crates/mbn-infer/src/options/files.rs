//! The files that options name.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::Outputs;
use mbn_files::PartialFile;
use mbn_weights::is_weight_file;

use super::Options;
use crate::classes;
use crate::evaluation;
use crate::model;
use crate::reference;

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
        let files = [("--output", self.output.clone()), ("--html", self.html.clone())];
        let files = files
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)));
        let folder = self.evaluation.iter();
        let found =
            folder.flat_map(|folder| evaluation::FILES.map(|name| ("--evaluation", folder.join(name))));
        let mut outputs = Outputs::new(files.chain(found))?;
        if let Some(partial) = partial {
            outputs = outputs.with_unfinished("--output", partial)?;
        }
        let default = Path::new(model::DEFAULT_MODEL);
        let model = self
            .model
            .as_deref()
            .or_else(|| default.is_file().then_some(default));
        let beside = model.map(beside).unwrap_or_default();
        let named = [
            model,
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

/// The files beside a model that may be read with it.
fn beside(model: &Path) -> Vec<PathBuf> {
    let names = [BESIDE, classes::BESIDE].concat();
    let described = names.into_iter().map(|name| model.with_file_name(name));
    let weights = (!is_weight_file(model)).then(|| reference::beside(model));
    described.chain(weights).collect()
}
