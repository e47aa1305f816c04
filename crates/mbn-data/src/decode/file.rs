//! Reads a picture file of limited size.

use std::path::Path;

use mbn_files::whole_file;

use super::error::DecodeErrorKind;
use super::limits::MAX_FILE_BYTES;

/// The content of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DecodeErrorKind> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(DecodeErrorKind::NotAFile("a folder"));
    }
    // Opening a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(DecodeErrorKind::NotAFile("a pipe, socket or device"));
    }
    whole_file::read(path, MAX_FILE_BYTES, |bytes| DecodeErrorKind::TooManyBytes {
        bytes,
        limit: MAX_FILE_BYTES,
    })
}
