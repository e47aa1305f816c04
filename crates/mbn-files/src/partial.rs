//! A long output that stays beside its name while it is unfinished, so that another process can continue it.

#[cfg_attr(windows, path = "partial/shared.rs")]
mod locked;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::atomic::sync_folder;
use crate::output::{OutputKind, OutputProblem, folder_of};
use crate::permissions::keep_permissions;
use locked::open_locked;

/// What an unfinished output has after its name.
const SUFFIX: &str = ".partial";

/// An output that is written as `FILE.partial` and gets its name on [`PartialFile::commit`]. Dropped before that, it stays, unless
/// it is empty. While a process writes it, no other can.
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    is_locked: bool,
    is_done: bool,
}

/// An unfinished output that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct PartialError {
    /// The unfinished output, or the path as it was given.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub problem: PartialProblem,
}

/// Why an unfinished output cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PartialProblem {
    /// Another process writes it.
    #[error("another process is writing it")]
    Locked,
    /// The path leads to something that cannot be written so.
    #[error(transparent)]
    Output(#[from] OutputProblem),
}

impl From<io::Error> for PartialProblem {
    fn from(error: io::Error) -> Self {
        Self::Output(error.into())
    }
}

impl PartialFile {
    /// Opens or creates the unfinished output of `path`, or of the file that the link `path` leads to, and locks it. What it holds
    /// stays.
    ///
    /// # Errors
    /// Another process writes it; it cannot be opened; `path` leads to something other than a file.
    pub fn open(path: &Path) -> Result<Self, PartialError> {
        let failed = |path: &Path, problem| PartialError {
            path: path.to_owned(),
            problem,
        };
        let kind = OutputKind::of(path).map_err(|problem| failed(path, problem.into()))?;
        let OutputKind::File(path) = kind else {
            return Err(failed(path, OutputProblem::IsStream.into()));
        };
        let partial = with_suffix(&path);
        let opened = open_locked(&partial).map_err(|problem| failed(&partial, problem));
        let (file, is_locked) = opened?;
        // Not yet those of a file that only may be read, or nobody could continue this one.
        if !path.metadata().is_ok_and(|found| found.permissions().readonly()) {
            keep_permissions(&path, &file);
        }
        Ok(Self {
            file,
            partial,
            path,
            is_locked,
            is_done: false,
        })
    }

    /// The name of the unfinished output of `path`, if that is or can be a file.
    pub fn name_of(path: &Path) -> Option<PathBuf> {
        match OutputKind::of(path) {
            Ok(OutputKind::File(path)) => Some(with_suffix(&path)),
            _ => None,
        }
    }

    /// Name of the unfinished output.
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// The name that it gets, links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether other processes are kept out: some network file systems have no locks.
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// The system does not say it.
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether it holds nothing.
    ///
    /// # Errors
    /// As [`PartialFile::len`].
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts it to its first `len` bytes, after which writing continues.
    ///
    /// # Errors
    /// It cannot be cut.
    pub fn continue_at(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.seek(SeekFrom::Start(len)).map(drop)
    }

    /// Syncs it, gives it its name, and syncs the folder.
    ///
    /// # Errors
    /// Any failure to sync or rename; the old file, if any, is then untouched, unless the disk fails while the folder is synced.
    pub fn commit(mut self) -> io::Result<()> {
        keep_permissions(&self.path, &self.file);
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        self.is_done = true;
        sync_folder(folder_of(&self.path))
    }

    /// Removes it.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn discard(mut self) -> io::Result<()> {
        self.is_done = true;
        fs::remove_file(&self.partial)
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    /// Leaves no empty file. The lock is still held, so nobody else writes to it; without one, somebody might.
    fn drop(&mut self) {
        if self.is_locked && !self.is_done && self.is_empty().unwrap_or(false) {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(SUFFIX);
    name.into()
}

#[cfg(test)]
mod tests;
