//! Opens an unfinished output so that no other process writes it: by a lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::PartialProblem;
use crate::file_id::still_has_its_name;

/// `ENOLCK`, which NFS gives without its lock service and Rust has no kind for.
const NO_LOCK_SERVICE: Option<i32> = if cfg!(target_os = "linux") {
    Some(37)
} else if cfg!(target_vendor = "apple") {
    Some(77)
} else {
    None
};

/// Another process may finish and rename the file between opening and locking; then this one looks again, so often.
const ATTEMPTS: usize = 100;

/// The file, and whether it could be locked.
pub(super) fn open_locked(partial: &Path) -> Result<(File, bool), PartialProblem> {
    for _ in 0..ATTEMPTS {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(partial)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PartialProblem::Locked),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok((file, false)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // The process that held the lock may have given the file its name, or removed it.
        if still_has_its_name(&file, partial)? {
            return Ok((file, true));
        }
    }
    Err(PartialProblem::Locked)
}

/// Whether the file system has no locks, or the network's lock service does not run.
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || (NO_LOCK_SERVICE.is_some() && error.raw_os_error() == NO_LOCK_SERVICE)
}
