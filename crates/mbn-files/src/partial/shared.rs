//! Opens an unfinished output so that no other process writes it: by what it shares. A lock of Windows would keep out those who only
//! read, too, and this process's own readers.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

use super::PartialProblem;

/// Others may read the file.
const FILE_SHARE_READ: u32 = 1;
/// Others may rename and remove it, as whoever finishes it does.
const FILE_SHARE_DELETE: u32 = 4;
/// Another process has opened the file and does not share what is asked for.
const ERROR_SHARING_VIOLATION: i32 = 32;

/// The file, and whether others are kept out.
pub(super) fn open_locked(partial: &Path) -> Result<(File, bool), PartialProblem> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE);
    match options.open(partial) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Err(PartialProblem::Locked),
        Err(error) => Err(error.into()),
    }
}
