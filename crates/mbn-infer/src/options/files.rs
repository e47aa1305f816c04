//! The files that options name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::{Hint, Outputs, UsageError, Written, quote, require_replaceable};
use mbn_files::PartialFile;
use mbn_weights::is_weight_file;

use super::{Options, SortFolders};
use crate::classes;
use crate::evaluation;
use crate::inputs;
use crate::model;
use crate::output::{MadeBy, OutputFormat};
use crate::reference;
use crate::sorter;

/// What describes a model's preprocessing and classes beside it.
const BESIDE: [&str; 3] = ["config.json", "preprocessor_config.json", "processor_config.json"];

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
            let made_by = MadeBy::path(&partial);
            outputs = outputs.with_unfinished("--output", partial)?;
            outputs = outputs.with_unfinished("--output", made_by)?;
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
        self.require_replaceable()?;
        Ok(outputs)
    }

    /// Refuses to replace a file that is none of such a run.
    fn require_replaceable(&self) -> Result<()> {
        let output = match self.format() {
            OutputFormat::Parquet => Written::Parquet,
            OutputFormat::Text | OutputFormat::Json | OutputFormat::Csv => Written::Text,
        };
        let files = [
            ("--output", &self.output, output),
            ("--html", &self.html, Written::Text),
        ];
        for (option, path, written) in files {
            if let Some(path) = path {
                require_replaceable(option, path, written)?;
            }
        }
        self.evaluation
            .as_deref()
            .map_or(Ok(()), evaluation::require_replaceable)
    }

    /// Refuses a model that stands where pictures are expected, while none is named: another would classify.
    ///
    /// # Errors
    /// [`UsageError`]
    pub fn require_no_model(&self) -> Result<()> {
        let is_model = |path: &&PathBuf| path.extension() == Some(OsStr::new("onnx")) && path.is_file();
        let Some(path) = self.paths.iter().find(is_model).filter(|_| self.model.is_none()) else {
            return Ok(());
        };
        let refused = UsageError(format!("`{}` is a model, expected pictures", path.display()));
        Err(refused).hint(|| format!("`--model {}` classifies with it", quote(path)))
    }

    /// The folders that the run sorts into.
    pub fn sort_folders(&self) -> Option<SortFolders> {
        let template = self.sort_template.as_ref();
        let template = template.map(|(template, count)| (template.as_path(), *count));
        SortFolders::new(self.sort_into.as_deref()?, template)
    }

    /// Refuses to sort into a folder of which a path names all or a part as an input, or into a folder of an evaluation, whose
    /// folders have the pictures of a class each. Refuses to sort what is no file of its own.
    ///
    /// # Errors
    /// [`UsageError`]
    pub fn require_sorted_apart(&self) -> Result<()> {
        let Some(given) = &self.sort_into else {
            return Ok(());
        };
        let refused = |path: &Path, why: &str| {
            UsageError(format!(
                "`--sort-into {}` cannot be used with the input `{}`: {why}",
                given.display(),
                path.display()
            ))
        };
        if let Some(path) = self.paths.iter().find(|path| holds_pictures(path)) {
            return Err(refused(path, "the pictures in it are no files of their own"))
                .hint(|| sorter::UNPACK.to_owned());
        }
        let Some(sorted) = self.sort_folders() else {
            return Ok(());
        };
        for path in self.paths.iter().filter(|path| path.is_dir()) {
            let Ok(folder) = path.canonicalize() else { continue };
            if sorted.hold(&folder) || (self.evaluate && sorted.lie_in(&folder)) {
                return Err(refused(
                    path,
                    "the pictures there and their copies would be mixed",
                ))
                .hint(|| "name a folder beside it".to_owned());
            }
        }
        Ok(())
    }
}

/// Whether a path, or all that a pattern may match, is a file that holds pictures or an object in a store.
fn holds_pictures(path: &Path) -> bool {
    let is_pattern = || path.to_string_lossy().contains(['*', '?']);
    let is_container = inputs::has_container_name(path) && !path.is_dir() && (path.exists() || is_pattern());
    path == Path::new("-") || inputs::is_url(path) || is_container
}

/// The files beside a model that may be read with it.
fn beside(model: &Path) -> Vec<PathBuf> {
    let names = [&BESIDE[..], &classes::BESIDE].concat();
    let described = names.into_iter().map(|name| model.with_file_name(name));
    let weights = (!is_weight_file(model)).then(|| reference::beside(model));
    described.chain(weights).collect()
}
