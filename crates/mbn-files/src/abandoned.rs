//! What killed processes left behind under temporary names. A lock tells it from what a process is writing: the process holds one on
//! each temporary file, and on a marker in each temporary folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::file_id::still_has_its_name;
use crate::temporaries::{SUFFIX, is_temporary};

/// What nobody has written to for so long was left behind, where no lock can tell.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The file in a temporary folder that is locked while a process fills the folder. It shows besides whose folder it is.
pub(crate) const MARKER: &str = ".mbn-lock";
/// What a temporary folder holds besides: the folder that gets a name.
pub(crate) const CONTENT: &str = "content";

/// Locks a new file. Whether it can be used: until it is locked, others may take it for a killed process's, and remove it.
pub(crate) fn is_claimed(file: &File, path: &Path) -> bool {
    match try_lock(file) {
        Ok(()) => still_has_its_name(file, path).unwrap_or(true),
        Err(TryLockError::WouldBlock) => false,
        // Others cannot lock it either, and leave it for a day.
        Err(TryLockError::Error(_)) => true,
    }
}

/// Elsewhere than on Unix, a lock would keep this process's other readers out. Some network file systems have none.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    match cfg!(unix) {
        true => file.try_lock(),
        false => Err(TryLockError::Error(io::ErrorKind::Unsupported.into())),
    }
}

/// Removes the temporary files, folders and links in `folder` that killed processes left behind. Those that a process is writing stay,
/// and so do, where files have no locks, those of the last day. A folder is removed only if it is an
/// [`AtomicFolder`](crate::AtomicFolder)'s.
///
/// # Errors
/// The folder cannot be read. What cannot be removed does no harm.
pub fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()?.flatten() {
        let Some(kind) = entry
            .file_type()
            .ok()
            .filter(|_| is_temporary(&entry.file_name()))
        else {
            continue;
        };
        let path = entry.path();
        if kind.is_dir() {
            remove_folder(&path);
        } else if kind.is_file() {
            remove_file(&path);
        } else if kind.is_symlink() && is_abandoned(&no_lock(), age(&path)) {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn remove_file(path: &Path) {
    let Some((file, locked)) = open(path) else {
        return;
    };
    let written = file.metadata().and_then(|found| found.modified());
    let age = written.ok().and_then(|modified| modified.elapsed().ok());
    if is_abandoned(&locked, age) {
        // Still locked: whoever has just made it notices that it is gone.
        let _ = fs::remove_file(path);
    }
}

/// Removes a folder that has a marker and, if nobody holds that, what an [`AtomicFolder`](crate::AtomicFolder) puts into it. The
/// folder itself goes only if nothing else is in it.
fn remove_folder(path: &Path) {
    let marker = path.join(MARKER);
    match marker.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        // The process was killed before it made the marker, or is about to make it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if is_abandoned(&no_lock(), age(path)) {
                let _ = fs::remove_dir(path);
            }
            return;
        }
        _ => return,
    }
    let Some((_file, locked)) = open(&marker) else {
        return;
    };
    let age = if locked.is_ok() { None } else { age(path) };
    if !is_abandoned(&locked, age) {
        return;
    }
    // Some shared file systems keep locks to each machine. Under another name, whoever fills the folder elsewhere gets an error, and
    // not a part of what it put there.
    let Some(gone) = renamed(path) else {
        return;
    };
    // The marker last: if this process is killed meanwhile, the next one still knows the folder.
    let removed = match fs::remove_dir_all(gone.join(CONTENT)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(gone.join(MARKER)),
    };
    if removed.and_then(|()| fs::remove_dir(&gone)).is_err() {
        // What others put into it keeps its place.
        let _ = fs::rename(&gone, path);
    }
}

/// Gives a temporary folder another temporary name.
fn renamed(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    let stem = name.strip_suffix(SUFFIX)?;
    let gone = path.with_file_name(format!("{stem}.gone{SUFFIX}"));
    fs::rename(path, &gone).ok().map(|()| gone)
}

/// Opens a file and tries to lock it. NFS gives this lock only to those who may write.
fn open(path: &Path) -> Option<(File, Result<(), TryLockError>)> {
    let file = File::options().read(true).write(true).open(path).ok()?;
    let locked = try_lock(&file);
    Some((file, locked))
}

/// Whether nobody writes something, by the try to lock it and the time since it was written to.
fn is_abandoned(locked: &Result<(), TryLockError>, age: Option<Duration>) -> bool {
    match locked {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        // It says nothing about who has it.
        Err(TryLockError::Error(_)) => age.is_some_and(|age| age > ABANDONED_AFTER),
    }
}

/// For what cannot be locked.
fn no_lock() -> Result<(), TryLockError> {
    Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))
}

/// The time since something, or anything in it, was written to. `None` if that cannot be told.
fn age(path: &Path) -> Option<Duration> {
    written(path).ok()?.elapsed().ok()
}

fn written(path: &Path) -> io::Result<SystemTime> {
    let found = path.symlink_metadata()?;
    let mut last = found.modified()?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            last = last.max(written(&entry?.path())?);
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests;
