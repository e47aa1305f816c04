//! Files that hold either the old content or the new, never a part of it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::abandoned::is_claimed;
pub use crate::abandoned::remove_abandoned;
use crate::output::{OutputKind, OutputProblem, folder_of};
use crate::permissions::{keep_permissions, restrict};
use crate::temporaries::Living;
pub use crate::temporaries::{PREFIX, SUFFIX, is_temporary};

/// How many temporary files others may remove before this process has locked one.
pub(crate) const ATTEMPTS: usize = 100;
pub(crate) const NOT_LEFT_ALONE: &str = "other processes remove its temporary files";

/// Replaces `path` with `bytes`: writes them under a temporary name beside it, syncs and renames.
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`]; any failure to write, after which the old file, if any, is untouched.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A file that is written in pieces and gets its name on [`AtomicFile::commit`]. Dropped before that, it leaves
/// nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
    /// Ends after the file.
    _living: Living,
}

impl AtomicFile {
    /// Starts a file under a temporary name. It will replace `path`, or the file that the link `path` leads to, and then has the
    /// permissions of the file that it replaces, and its owner and group as far as this process may give them.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to, or `path` leads to something other than a file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let OutputKind::File(path) = OutputKind::of(path)? else {
            return Err(OutputProblem::IsStream.into());
        };
        let (file, living) = temporary(folder_of(&path))?;
        keep_permissions(&path, file.as_file());
        Ok(Self {
            _living: living,
            file,
            path,
        })
    }

    /// Path of the temporary file, for a check before it gets its name.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }

    /// Brings what was written to the disk, which may be full only then: some file systems give out its space no earlier.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_data()
    }

    /// Syncs the file, gives it its name, and syncs the folder.
    ///
    /// # Errors
    /// Any failure to sync or rename; the old file, if any, is then untouched, unless the disk fails while the folder is synced.
    pub fn commit(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(folder_of(&self.path))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The file itself: errors of `tempfile` have the temporary name, which tells a user nothing.
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// Copies a file to a name that must be free. Nobody may do more with the copy than with the file. It gets its name when it is whole. Nothing syncs it, which would take most of the
/// time of many small copies.
///
/// # Errors
/// The file cannot be read or the copy not written; [`io::ErrorKind::AlreadyExists`] if the name is taken, which then stays as it is.
pub fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let (mut file, _living) = temporary(folder_of(to))?;
    restrict(file.as_file(), &source)?;
    io::copy(&mut source, file.as_file_mut())?;
    file.persist_noclobber(to).map_err(|error| error.error)?;
    Ok(())
}

/// A file under a temporary name, which is locked while this process has it, so that others can tell it from a killed one's.
fn temporary(folder: &Path) -> io::Result<(NamedTempFile, Living)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // The mode is that of any new file, where `tempfile` would keep it from others.
    let create = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
    for _ in 0..ATTEMPTS {
        let file = builder.make_in(folder, create)?;
        if is_claimed(file.as_file(), file.path()) {
            let living = Living::new(file.path());
            return Ok((file, living));
        }
    }
    Err(io::Error::other(NOT_LEFT_ALONE))
}

/// Makes a rename durable. Only Unix opens folders as files.
///
/// # Errors
/// The disk fails. A folder that this process may not read, and a file system that does not sync folders, are no errors: the file
/// has its name.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if cannot_sync(error.kind()) => Ok(()),
        synced => synced,
    }
}

fn cannot_sync(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests;
