//! Keeps two processes from working in one run folder, also from several machines.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use mbn_files::still_has_its_name;

/// The file in a run folder that is locked while a process works there. NFS locks files that are open for writing on the server, for
/// all machines, and folders not at all. Data sets leave out hidden files.
pub(super) const LOCK: &str = ".mbn-lock";

/// How often another process may remove the file between opening and locking.
const ATTEMPTS: usize = 100;

/// Held while a process works in a run folder. The system releases it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

/// Another process holds the lock.
#[derive(Debug)]
pub(super) struct Busy;

impl Lock {
    /// Locks a folder. `None`, with a warning, where that cannot be done.
    pub fn take(folder: &Path) -> Result<Option<Self>, Busy> {
        let path = folder.join(LOCK);
        for _ in 0..ATTEMPTS {
            let file = match File::options().create(true).append(true).open(&path) {
                Ok(file) => file,
                Err(error) => return Ok(without(folder, &error)),
            };
            match file.try_lock() {
                // The process that held the lock may have removed the file meanwhile.
                Ok(()) if still_has_its_name(&file, &path).unwrap_or(true) => {
                    return Ok(Some(Self { file, path }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Busy),
                Err(TryLockError::Error(error)) => return Ok(without(folder, &error)),
            }
        }
        Err(Busy)
    }

    /// Removes the file. The lock is still held, so whoever opened it meanwhile notices that it is gone. Elsewhere than on Unix, the
    /// name may stay for a while, and others could not open it.
    pub fn remove_file(&self) {
        let is_own = || {
            let is_empty = self.file.metadata().is_ok_and(|found| found.len() == 0);
            is_empty && still_has_its_name(&self.file, &self.path).unwrap_or(false)
        };
        if cfg!(unix) && is_own() {
            // It does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.remove_file();
    }
}

fn without(folder: &Path, error: &io::Error) -> Option<Lock> {
    log::warn!(
        "run folder `{}` cannot be locked ({error}): start no other mbn-train there, they would overwrite each other's files",
        folder.display()
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_at_a_time_and_nothing_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for _ in 0..2 {
            let lock = Lock::take(path).unwrap().unwrap();
            // A lock on the folder itself would not reach another machine.
            assert!(File::open(path.join(LOCK)).unwrap().try_lock().is_err());
            assert!(matches!(Lock::take(path), Err(Busy)));
            drop(lock);
            #[cfg(unix)]
            assert_eq!(path.read_dir().unwrap().count(), 0);
        }
        // What a killed process left.
        fs::write(path.join(LOCK), "").unwrap();
        assert!(Lock::take(path).unwrap().is_some());
    }

    #[test]
    fn the_file_of_another_lock_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let first = Lock::take(path).unwrap().unwrap();
        fs::remove_file(path.join(LOCK)).unwrap();
        let second = Lock::take(path).unwrap().unwrap();
        drop(first);
        assert!(matches!(Lock::take(path), Err(Busy)));
        drop(second);
        fs::write(path.join(LOCK), "mine").unwrap();
        drop(Lock::take(path).unwrap());
        assert_eq!(fs::read(path.join(LOCK)).unwrap(), b"mine");
    }

    #[test]
    fn a_folder_that_cannot_be_locked_is_used_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(LOCK)).unwrap();
        assert!(Lock::take(folder.path()).unwrap().is_none());
    }
}
