//! Files that hold either the old content or the new, never a part of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::output::{OutputKind, OutputProblem, folder_of};
use crate::temporaries::Living;

pub(crate) const PREFIX: &str = ".mbn-";
pub(crate) const SUFFIX: &str = ".tmp";

/// Whether a name is that of a temporary file. A process that is killed while it writes leaves one behind.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Replaces `path` with `bytes`: writes them under a temporary name beside it, syncs and renames.
///
/// # Errors
/// As [`AtomicFile::create`]; any failure to write, sync or rename. The old file, if any, is then untouched.
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
    /// Starts a file under a temporary name. It will replace `path`, or the file that the link `path` leads to.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to, or `path` leads to something other than a file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let OutputKind::File(path) = OutputKind::of(path)? else {
            return Err(OutputProblem::IsStream.into());
        };
        let file = temporary(folder_of(&path))?;
        Ok(Self {
            _living: Living::new(file.path()),
            file,
            path,
        })
    }

    /// Path of the temporary file, for a check before it gets its name.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// Any failure to sync or rename; the old file, if any, is then untouched.
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

/// Copies a file to a name that must be free. The copy gets its name when it is whole. It is not synced: who copies many files can
/// do it again.
///
/// # Errors
/// The file cannot be read or the copy not written; [`io::ErrorKind::AlreadyExists`] if the name is taken, which then stays as it is.
pub fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut file = temporary(folder_of(to))?;
    io::copy(&mut source, file.as_file_mut())?;
    file.persist_noclobber(to).map_err(|error| error.error)?;
    Ok(())
}

/// A file under a temporary name.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // The mode is that of any new file, where `tempfile` would keep it from others.
    let create = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
    builder.make_in(folder, create)
}

/// Makes the rename itself durable. Only Unix opens folders as files.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
