//! Tries whether the disk has room for a run.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Result;
use mbn_files::atomic::AtomicFile;

use super::STATE;

/// What a run needs on disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// All files together.
    pub total: usize,
    /// The largest file.
    pub largest: usize,
}

impl Space {
    /// Writes as much to temporary files in `folder`, none larger than the largest, and removes them.
    ///
    /// # Errors
    /// The disk, or a limit on the size of files, does not allow that.
    pub fn try_in(self, folder: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let zeros = vec![0; 1 << 20];
            let (mut files, mut left) = (Vec::new(), self.total);
            // Dropping the files deletes them.
            while left > 0 {
                let bytes = left.min(self.largest.max(1));
                let mut file = AtomicFile::create(&folder.join(STATE))?;
                for start in (0..bytes).step_by(zeros.len()) {
                    file.write_all(&zeros[..zeros.len().min(bytes - start)])?;
                }
                // A full disk refuses the bytes by now.
                file.flush()?;
                files.push(file);
                left -= bytes;
            }
            Ok(())
        };
        write().map_err(|error| {
            let (folder, mebibytes) = (folder.display(), |bytes: usize| bytes.div_ceil(1 << 20));
            let what = match error.kind() {
                ErrorKind::FileTooLarge => format!("a file of {} MiB that", mebibytes(self.largest)),
                _ => format!("the {} MiB that", mebibytes(self.total)),
            };
            let message = format!("cannot write to run folder `{folder}` {what} the run needs");
            anyhow::Error::from(error).context(message)
        })
    }
}
