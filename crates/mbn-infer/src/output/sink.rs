//! Where results go.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write, stdout};
use std::path::Path;

use mbn_files::PartialFile;

/// Stdout, or the output that the user named.
#[derive(Debug)]
pub enum Sink {
    /// Stdout.
    Stdout(BufWriter<Stdout>),
    /// A file that gets its name when all is written, and stays as `FILE.partial` until then.
    File(BufWriter<PartialFile>),
    /// A device, a pipe or an open file, which gets results as they come.
    Stream(BufWriter<File>),
}

impl Sink {
    /// Stdout.
    pub fn stdout() -> Self {
        Self::Stdout(BufWriter::new(stdout()))
    }

    /// A device, a pipe or an open file. A pipe opens as soon as somebody reads it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn stream(path: &Path) -> io::Result<Self> {
        // Appending adds to what a shell's `>>` opened, and makes no difference to pipes and devices.
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self::Stream(BufWriter::new(file)))
    }

    /// A file, written from where it is continued.
    pub fn file(file: PartialFile) -> Self {
        Self::File(BufWriter::new(file))
    }

    /// Whether a person sees what is written.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(out) => out.get_ref().is_terminal(),
            Self::File(_) => false,
            Self::Stream(stream) => stream.get_ref().is_terminal(),
        }
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
            Self::Stream(mut stream) => stream.flush(),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stdout(out) => out,
            Self::File(file) => file,
            Self::Stream(stream) => stream,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}
