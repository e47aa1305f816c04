//! Gets a data set's archive: downloads it, going on where an earlier attempt broke off, verifies its MD5 sum, and
//! unpacks the files that are wanted under their final name at once or not at all.
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
mod unpack;
mod verify;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use archive::Archive;
pub use error::FetchError;

/// How far a step has come, in bytes of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes in all, if they are known.
    pub total: Option<u64>,
}

/// A step of getting an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Downloading; begins at what an earlier attempt left.
    Download,
    /// Computing the MD5 sum.
    Verify,
    /// Unpacking.
    Unpack,
}

/// Told of progress several times a second; `Break` stops with [`FetchError::Interrupted`].
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Gets the archive's folder into `parent`, and returns its path. Where it is already, nothing is downloaded. The
/// archive itself is removed once it is unpacked; of a broken download the part that came stays in
/// `parent/ARCHIVE.part` for the next attempt.
///
/// # Errors
/// [`FetchError`] if the server or the disk fails, the sum is another, the archive holds something dangerous or
/// lacks a file, or `on_progress` stops it.
pub fn fetch(archive: &Archive, parent: &Path, on_progress: &mut OnProgress) -> Result<PathBuf, FetchError> {
    let target = parent.join(archive.folder);
    if let Some(missing) = unpack::missing(archive, &target) {
        if target.exists() {
            return Err(FetchError::Incomplete { target, missing });
        }
    } else {
        return Ok(target);
    }
    std::fs::create_dir_all(parent).map_err(|error| FetchError::disk(parent, error))?;
    let part = parent.join(format!("{}.tar.gz.part", archive.folder));
    download::download(archive, &part, on_progress)?;
    verify::verify(archive, &part, on_progress)?;
    unpack::unpack(archive, &part, &target, on_progress)?;
    std::fs::remove_file(&part).map_err(|error| FetchError::disk(&part, error))?;
    Ok(target)
}
