//! Files that are either the old content or the new, never a part of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::output::{OutputKind, folder_of};

const PREFIX: &str = ".mbn-";
const SUFFIX: &str = ".tmp";

/// Whether a file of this name is one that was being written when its process was killed.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Replaces `path` by `bytes`: written to a temporary name beside it, synced, renamed.
///
/// # Errors
/// As [`AtomicFile::create`]; any failure to write, sync or rename. The old file, if any, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_checked(path, bytes, |_| Ok(()))
}

/// As [`write()`], but the file gets its name only when `check`, given the temporary file's path, succeeds.
///
/// # Errors
/// Those of [`write()`], converted by `From`, and those of `check`.
pub fn write_checked<E: From<io::Error>>(
    path: &Path,
    bytes: &[u8],
    check: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.file.as_file().sync_all()?;
    check(file.file.path())?;
    Ok(file.commit()?)
}

/// A file that is written bit by bit and gets its name at the end. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts a file that is to replace `path`, or what `path` is a link to, under a temporary name beside it.
    ///
    /// # Errors
    /// If the folder does not exist or cannot be written to, or if `path` leads to something that is no file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let OutputKind::File(path) = OutputKind::of(path)? else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a device, a pipe or a file that is open already, expected a file to replace",
            ));
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666)); // the umask takes its part
        }
        Ok(Self {
            file: builder.tempfile_in(folder_of(&path))?,
            path,
        })
    }

    /// Syncs what was written and gives the file its name.
    ///
    /// # Errors
    /// Any failure to sync or rename; the old file, if any, is then untouched.
    pub fn commit(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(&folder_of(&self.path))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the rename itself durable. Only Unix opens folders as files.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"tw").unwrap();
        let names = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| is_temporary(name)).count(), 1);
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"two").unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_failed_check_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one").unwrap();
        let result = write_checked(&path, b"two", |_| Err(io::Error::other("no")));
        assert_eq!(result.unwrap_err().to_string(), "no");
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_the_file_that_they_lead_to_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        std::fs::create_dir(name("deep")).unwrap();
        std::fs::write(name("deep/file"), b"old").unwrap();
        symlink("deep/link", name("a")).unwrap();
        symlink("file", name("deep/link")).unwrap();
        symlink("deep/new", name("b")).unwrap();
        for (link, file) in [("a", "deep/file"), ("b", "deep/new")] {
            write(&name(link), b"new").unwrap();
            assert!(name(link).is_symlink() && !name(file).is_symlink(), "{link}");
            assert_eq!(std::fs::read(name(file)).unwrap(), b"new");
        }
        symlink("circle", name("circle")).unwrap();
        assert!(write(&name("circle"), b"new").is_err());
        assert!(name("circle").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        symlink("pipe", &link).unwrap();
        for path in [&pipe, &link] {
            assert_eq!(OutputKind::of(path).unwrap(), OutputKind::Stream);
            let message = write(path, b"new").unwrap_err().to_string();
            assert!(message.contains("a pipe"), "{message}");
        }
        assert!(pipe.metadata().unwrap().file_type().is_fifo() && link.is_symlink());
        let message = write(folder.path(), b"new").unwrap_err().to_string();
        assert_eq!(message, "it is a folder");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_file_is_written_to_and_keeps_its_name() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a")).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
        assert_eq!(OutputKind::of(&link).unwrap(), OutputKind::Stream);
    }
}
