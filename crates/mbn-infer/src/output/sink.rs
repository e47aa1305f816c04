//! Where results go.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write, stdout};
use std::path::Path;

use mbn_files::PartialFile;

/// Stdout, or the output that the user named.
#[derive(Debug)]
pub enum Sink {
    /// Stdout.
    Stdout(BufWriter<Listened>),
    /// A file that gets its name when all is written, and stays as `FILE.partial` until then.
    File(BufWriter<PartialFile>),
    /// A device, a pipe or an open file, which gets results as they come.
    Stream(BufWriter<File>),
}

impl Sink {
    /// Stdout. `outlives_reader`: what is written after its reader is gone is dropped, because other outputs go on.
    pub fn stdout(outlives_reader: bool) -> Self {
        Self::Stdout(BufWriter::new(Listened {
            stdout: stdout(),
            outlives_reader,
        }))
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
            Self::Stdout(out) => out.get_ref().stdout.is_terminal(),
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

/// Stdout, as long as somebody reads it.
#[derive(Debug)]
pub struct Listened {
    stdout: Stdout,
    /// What is written after the reader is gone is dropped.
    outlives_reader: bool,
}

impl Listened {
    fn unless_closed<T>(&self, result: io::Result<T>, dropped: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.outlives_reader => Ok(dropped),
            result => result,
        }
    }
}

impl Write for Listened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stdout.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stdout.flush();
        self.unless_closed(flushed, ())
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
