//! Downloads weights from the [Hugging Face Hub](hub), and data sets.
//!
//! A data set's archive is resumed where an earlier attempt broke off, compared with its MD5 checksum, and unpacked: the
//! required files, all of them or none.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::path::Path;
//! use mbn_fetch::{Archive, fetch};
//!
//! let folder = fetch(&Archive::stl10(), Path::new("data"), &mut |progress| {
//!     println!("{progress:?}");
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(folder, Path::new("data/stl10_binary"));
//! # Ok::<(), mbn_fetch::FetchError>(())
//! ```

mod archive;
mod download;
mod error;
pub mod hub;
mod lock;
mod proxy;
mod transfer;
mod trust;
mod unpack;
mod verify;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use lock::{Lock, Unlocked};

pub use archive::Archive;
pub use error::FetchError;

/// The progress of a step, in bytes of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Bytes done.
    pub done: u64,
    /// Total bytes, if known.
    pub total: Option<u64>,
}

/// A step on the way from an archive to its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Downloading; starts after the bytes that an earlier attempt left.
    Download,
    /// Computing the MD5 checksum.
    Verify,
    /// Unpacking.
    Unpack,
}

/// Called with the progress several times a second; `Break` stops with [`FetchError::Interrupted`].
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Downloads the archive, unpacks its folder into `parent` and returns the folder's path. If the folder is complete
/// already, downloads nothing. Removes the archive after unpacking it; a broken download stays in
/// `parent/FOLDER.tar.gz.part` for the next attempt. While another process does the same, it waits, with the lock
/// `parent/FOLDER.tar.gz.lock`; a file system without locks goes without.
///
/// # Errors
/// [`FetchError`] if the server or the disk fails, the checksum differs, the archive has a dangerous member or lacks a
/// file, or `on_progress` stops it.
pub fn fetch(archive: &Archive, parent: &Path, on_progress: &mut OnProgress) -> Result<PathBuf, FetchError> {
    let target = parent.join(archive.folder);
    if is_complete(archive, &target)? {
        return Ok(target);
    }
    std::fs::create_dir_all(parent).map_err(|error| FetchError::disk(parent, error))?;
    let _lock = lock(archive, parent, on_progress)?;
    // Another process may have completed it meanwhile.
    if is_complete(archive, &target)? {
        return Ok(target);
    }
    let part = parent.join(format!("{}.tar.gz.part", archive.folder));
    download::download(archive, &part, on_progress)?;
    verify::verify(archive, &part, on_progress)?;
    unpack::unpack(archive, &part, &target, on_progress)?;
    match std::fs::remove_file(&part) {
        // Somebody else has removed it.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk(&part, error)),
        _ => Ok(target),
    }
}

/// Whether the folder is there, with all files that it must have.
fn is_complete(archive: &Archive, target: &Path) -> Result<bool, FetchError> {
    match unpack::missing(archive, target) {
        None => Ok(true),
        Some(missing) if target.exists() => Err(FetchError::Incomplete {
            target: target.to_owned(),
            missing,
        }),
        Some(_) => Ok(false),
    }
}

/// Waits until no other process downloads the archive to this folder.
fn lock(archive: &Archive, parent: &Path, on_progress: &mut OnProgress) -> Result<Lock, FetchError> {
    let path = parent.join(format!("{}.tar.gz.lock", archive.folder));
    let mut tick = |done, total| {
        on_progress(Progress {
            step: Step::Download,
            done,
            total,
        })
    };
    match Lock::wait(&path, &mut tick) {
        Ok(lock) => Ok(lock.removed_at_the_end(path)),
        Err(Unlocked::Disk(error)) => Err(FetchError::disk(&path, error)),
        Err(Unlocked::Stopped) => Err(FetchError::Interrupted),
    }
}
