//! Where a model goes: a file, or a repository of Triton Inference Server.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_cli::quote;
use mbn_files::atomic::AtomicFile;
use mbn_onnx::Model;

use crate::triton::{Entry, StagedEntry};

/// Where a model goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// A repository.
    Triton(Entry),
}

impl Target {
    /// The path of the model's file.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Triton(entry) => entry.model(),
        }
    }

    /// Writes the model under a temporary name.
    ///
    /// # Errors
    /// It cannot be written, or does not fit into the repository.
    pub fn stage(&self, model: &Model, bytes: &[u8]) -> Result<Staged> {
        match self {
            Self::File(path) => {
                let write = || {
                    let mut file = AtomicFile::create(path)?;
                    file.write_all(bytes)?;
                    std::io::Result::Ok(file)
                };
                let file = write().with_context(|| format!("cannot write `{}`", path.display()))?;
                Ok(Staged::File(file, path.clone()))
            }
            Self::Triton(entry) => entry.stage(model, bytes).map(Staged::Triton),
        }
    }

    /// What the user does with the model.
    pub fn next_step(&self) -> String {
        match self {
            Self::File(path) => format!("Classify with `mbn-infer --model {} PATH...`", quote(path)),
            Self::Triton(entry) => format!(
                "Serve with `tritonserver --model-repository {}`",
                quote(entry.repository())
            ),
        }
    }
}

/// A model under a temporary name. Dropped, it leaves nothing.
#[derive(Debug)]
pub enum Staged {
    /// A file, and the path that it gets.
    File(AtomicFile, PathBuf),
    /// A version in a repository.
    Triton(StagedEntry),
}

impl Staged {
    /// Path of the model, for a check before it gets its name.
    pub fn temporary_path(&self) -> &Path {
        match self {
            Self::File(file, _) => file.temporary_path(),
            Self::Triton(entry) => entry.temporary_path(),
        }
    }

    /// Gives the model its name, and tells where it went: in a repository it is the next version if another export has taken this
    /// one meanwhile.
    ///
    /// # Errors
    /// It cannot be synced or renamed.
    pub fn commit(self, target: Target, model: &Model, bytes: &[u8]) -> Result<Target> {
        match (self, target) {
            (Self::Triton(staged), Target::Triton(entry)) => {
                entry.commit(staged, model, bytes).map(Target::Triton)
            }
            (Self::Triton(staged), target) => staged.commit().map(|()| target),
            (Self::File(file, path), target) => file
                .commit()
                .with_context(|| format!("cannot write `{}`", path.display()))
                .map(|()| target),
        }
    }
}
