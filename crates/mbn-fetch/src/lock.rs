//! Keeps two processes from downloading to the same file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mbn_files::still_has_its_name;

use crate::transfer::{Stopped, Tick, pause};

/// How often a lock is tried that another process holds.
const RETRY: Duration = Duration::from_millis(100);

/// How often another process may remove the file between opening and locking, before it is taken as it is.
const ATTEMPTS: usize = 100;

/// Held while a file is downloaded.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Dropping it opens the lock.
    _file: File,
    /// What is removed then.
    removed: Option<PathBuf>,
}

/// Why there is no lock.
pub(crate) enum Unlocked {
    /// The file of the lock cannot be opened.
    Disk(io::Error),
    /// The caller asked to stop.
    Stopped,
}

impl From<Stopped> for Unlocked {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Lock {
    /// Waits until no other process holds the lock. A file system without locks goes without.
    pub fn wait(path: &Path, tick: &mut Tick) -> Result<Self, Unlocked> {
        let (mut waited, mut removed) = (false, 0);
        loop {
            let file = File::options()
                .create(true)
                .append(true)
                .open(path)
                .map_err(Unlocked::Disk)?;
            match file.try_lock() {
                Ok(()) if removed < ATTEMPTS && !still_has_its_name(&file, path).unwrap_or(true) => {
                    removed += 1
                }
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut waited, true) {
                        log::info!(
                            "another process is downloading the same file (`{}` is locked); waiting for it",
                            path.display()
                        );
                    }
                    pause(RETRY, 0, tick)?;
                }
                locked => {
                    if let Err(error) = locked {
                        log::debug!("cannot lock `{}`: {error}", path.display());
                    }
                    return Ok(Self {
                        _file: file,
                        removed: None,
                    });
                }
            }
        }
    }

    /// Removes the file of the lock in the end.
    pub fn removed_at_the_end(mut self, path: PathBuf) -> Self {
        self.removed = Some(path);
        self
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked: whoever opened it meanwhile notices that it is gone. Elsewhere than on Unix, the name may stay for a while, and
        // others could not open it.
        if cfg!(unix)
            && let Some(path) = &self.removed
        {
            let _ = fs::remove_file(path);
        }
    }
}
