//! A model that waits in a repository for its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use mbn_files::{AtomicFolder, atomic};

/// A model under a temporary name, and the texts that its folder lacks.
#[derive(Debug)]
pub struct StagedEntry {
    pub(super) folder: AtomicFolder,
    pub(super) model: PathBuf,
    pub(super) beside: Vec<(PathBuf, String)>,
    pub(super) path: PathBuf,
}

impl StagedEntry {
    /// Path of the model, for a check before it gets its name.
    pub fn temporary_path(&self) -> &Path {
        &self.model
    }

    /// Gives everything its name, the model last.
    ///
    /// # Errors
    /// A file cannot be written, or another program has written this version meanwhile.
    pub fn commit(self) -> Result<()> {
        for (file, text) in &self.beside {
            // Another export may have written it meanwhile.
            if fs::read(file).is_ok_and(|found| found == text.as_bytes()) {
                continue;
            }
            atomic::write(file, text.as_bytes())
                .with_context(|| format!("cannot write `{}`", file.display()))?;
        }
        self.folder
            .commit()
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// Whether something had the name already. A folder that appears between the look and the renaming is not empty.
pub(super) fn is_taken(error: &Error) -> bool {
    let kinds = [io::ErrorKind::AlreadyExists, io::ErrorKind::DirectoryNotEmpty];
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| kinds.contains(&cause.kind()))
}
