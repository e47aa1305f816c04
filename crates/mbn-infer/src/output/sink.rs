//! Where results go.

use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::path::Path;

use mbn_spec::atomic::AtomicFile;

/// Stdout, or a file that gets its name when all is written.
#[derive(Debug)]
pub enum Sink {
    /// Stdout.
    Stdout(BufWriter<Stdout>),
    /// A file.
    File(BufWriter<AtomicFile>),
}

impl Sink {
    /// Stdout.
    pub fn stdout() -> Self {
        Self::Stdout(BufWriter::new(stdout()))
    }

    /// A file that replaces `path` on [`Sink::commit`].
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::File(BufWriter::new(AtomicFile::create(path)?)))
    }

    /// Passes on all that was written, and gives a file its name.
    ///
    /// # Errors
    /// That cannot be done.
    pub fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::File(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .commit(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File(file) => file.flush(),
        }
    }
}
