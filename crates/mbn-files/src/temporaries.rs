//! The temporary files and folders that exist now, so that a program that a signal ends can remove them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What every temporary name begins with.
pub const PREFIX: &str = ".mbn-";
/// What every temporary name ends with.
pub const SUFFIX: &str = ".tmp";

/// Whether a name is that of a temporary file, folder or link. A process that is killed while it writes leaves one behind.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

static LIVING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Keeps a temporary path in the list while it lives.
#[derive(Debug)]
pub(crate) struct Living(PathBuf);

impl Living {
    pub(crate) fn new(path: &Path) -> Self {
        living().insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        living().remove(&self.0);
    }
}

/// Removes the temporary files and folders that this process has not finished. For a process that ends at once: whatever still
/// writes them fails.
pub fn remove_temporaries() {
    for path in std::mem::take(&mut *living()) {
        // It may have got its name just now.
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
}

fn living() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AtomicFolder;
    use crate::atomic::AtomicFile;

    fn is_living(path: &Path) -> bool {
        living().contains(path)
    }

    #[test]
    fn what_is_unfinished_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&folder.path().join("a")).unwrap();
        let unfinished = file.temporary_path().to_owned();
        assert!(is_living(&unfinished));
        file.commit().unwrap();
        assert!(!is_living(&unfinished) && folder.path().join("a").is_file());
        let made = AtomicFolder::create(&folder.path().join("b")).unwrap();
        let unfinished = made.temporary_path().parent().unwrap().to_owned();
        assert!(is_living(&unfinished));
        drop(made);
        assert!(!is_living(&unfinished));
    }
}
