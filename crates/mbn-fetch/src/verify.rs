//! Verifies the archive's MD5 checksum, and holds a file reader that reports its progress.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest, Md5};

use crate::{Archive, FetchError, OnProgress, Progress, Step};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Compares the file's checksum with the archive's; removes the file if they differ.
pub(crate) fn verify(archive: &Archive, part: &Path, on_progress: &mut OnProgress) -> Result<(), FetchError> {
    let disk = |error| FetchError::disk(part, error);
    let mut reader = Watched::open(part, Step::Verify, on_progress).map_err(disk)?;
    let mut sum = Md5::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => sum.update(&chunk[..bytes]),
            Err(_) if reader.stopped => return Err(FetchError::Interrupted),
            Err(error) => return Err(disk(error)),
        }
    }
    let found: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found.eq_ignore_ascii_case(&archive.md5) {
        return Ok(());
    }
    std::fs::remove_file(part).map_err(disk)?;
    Err(FetchError::Checksum {
        url: archive.url.clone(),
        found,
        expected: archive.md5.clone(),
    })
}

/// A file reader that reports its progress, and fails when the caller asks to stop.
pub(crate) struct Watched<'a, 'b> {
    file: File,
    progress: Progress,
    on_progress: &'a mut OnProgress<'b>,
    /// Whether the caller asked to stop.
    pub stopped: bool,
}

impl<'a, 'b> Watched<'a, 'b> {
    pub fn open(path: &Path, step: Step, on_progress: &'a mut OnProgress<'b>) -> io::Result<Self> {
        let file = File::open(path)?;
        let total = file.metadata()?.len();
        Ok(Self {
            file,
            progress: Progress {
                step,
                done: 0,
                total: Some(total),
            },
            on_progress,
            stopped: false,
        })
    }
}

impl Read for Watched<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.progress.done += bytes as u64;
        if (self.on_progress)(self.progress).is_break() {
            self.stopped = true;
            return Err(io::Error::other("stopped"));
        }
        Ok(bytes)
    }
}
