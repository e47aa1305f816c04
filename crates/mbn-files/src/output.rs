//! What the path of an output leads to.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// As many links as Linux follows to a file.
const MAX_LINKS: usize = 40;

/// What the path of an output stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// A regular file, there or not, under its own name: links to it have been followed.
    File(PathBuf),
    /// A device, a pipe, or a file that a process holds open (`/dev/stdout`): it can be written to, not replaced.
    Stream,
}

impl OutputKind {
    /// Looks at what `path` leads to, and opens nothing.
    ///
    /// # Errors
    /// It is a folder, or it cannot be looked at. A folder that is missing is found by whoever creates the file.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut name = path.to_owned();
        for _ in 0..MAX_LINKS {
            if is_open_file(&name) {
                return Ok(Self::Stream);
            }
            match name.symlink_metadata() {
                Ok(found) if found.is_symlink() => name = folder_of(&name).join(name.read_link()?),
                Ok(found) if found.is_dir() => {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
                }
                Ok(found) if !found.is_file() => return Ok(Self::Stream),
                Ok(_) => return Ok(Self::File(name)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(name)),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it leads through too many links"))
    }
}

/// Whether a name is that of an open file in Linux's `/proc/PID/fd`: a link whose text is no path one can go to.
fn is_open_file(name: &Path) -> bool {
    let folder = folder_of(name).canonicalize().unwrap_or_default();
    folder.starts_with("/proc") && folder.file_name() == Some(OsStr::new("fd"))
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
