//! Files that hold many pictures: tar archives, and Parquet and Arrow files.

mod arrow;
mod column;
mod parquet;
mod rows;

use std::fs::File;
use std::io::{self, BufReader, Read, stdin};
use std::path::Path;

use ::parquet::file::reader::ChunkReader;
use anyhow::{Context, Error, Result};
use mbn_data::{CollectError, Embedded, LeftOut, TarPictures};

use super::Input;
use arrow::ArrowTable;
use parquet::ParquetTable;

/// Bytes read from a file at a time.
const CHUNK: usize = 1 << 20;

/// A file that holds many pictures.
pub(super) struct Container {
    content: Content,
    /// Tells whether what was found last can be believed, or the file could not be read.
    check: Option<Box<dyn FnMut() -> Result<()> + Send>>,
}

enum Content {
    /// A tar archive, and whether reading may wait for whoever writes it.
    Tar(Box<TarPictures<Box<dyn Read + Send>>>, bool),
    /// A table with a column of pictures.
    Table(Box<dyn Iterator<Item = Input> + Send>),
}

/// What a file is taken for, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tar,
    Parquet,
    Arrow,
}

impl Kind {
    /// By its extension; `None` for a picture, or something else.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match &*path.extension()?.to_ascii_lowercase().to_string_lossy() {
            "tar" => Some(Self::Tar),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" => Some(Self::Arrow),
            _ => None,
        }
    }
}

impl Container {
    /// Whether a file is taken for one, by its name.
    pub(super) fn has_name(path: &Path) -> bool {
        Kind::of(path).is_some()
    }

    /// Opens the file `path`, unless it is not taken for one. The pictures of a table are in the column called `column`, if that is given.
    pub(super) fn open(path: &Path, column: Option<&str>) -> Option<Result<Self, Input>> {
        let kind = Kind::of(path)?;
        let opened = || {
            let file = File::open(path)?;
            // Parquet's reader takes a file whose length cannot be found out for an empty one.
            let may_wait = !file.metadata()?.is_file();
            match kind {
                Kind::Tar => Ok(Self::tar(Box::new(file), path, may_wait)),
                Kind::Parquet => Self::parquet(file, path, column),
                Kind::Arrow => Self::arrow(Box::new(file), path, column),
            }
        };
        Some(opened().map_err(|error| Input::failed(path, format!("{error:#}"), is_fault(&error))))
    }

    /// A tar archive. Reading it may wait for whoever writes it.
    pub(super) fn tar(content: Box<dyn Read + Send>, path: &Path, may_wait: bool) -> Self {
        let content: Box<dyn Read + Send> = Box::new(BufReader::with_capacity(CHUNK, content));
        Self::of(Content::Tar(Box::new(TarPictures::new(content, path)), may_wait))
    }

    /// A Parquet file.
    pub(super) fn parquet(
        content: impl ChunkReader + 'static,
        path: &Path,
        column: Option<&str>,
    ) -> Result<Self> {
        let table = ParquetTable::open(content, path, column)?;
        Ok(Self::of(Content::Table(Box::new(table))))
    }

    /// An Arrow file or stream.
    pub(super) fn arrow(content: Box<dyn Read + Send>, path: &Path, column: Option<&str>) -> Result<Self> {
        let content = BufReader::with_capacity(CHUNK, content);
        let table = ArrowTable::open(content, path, column)?;
        Ok(Self::of(Content::Table(Box::new(table))))
    }

    /// The tar archive on stdin.
    pub(super) fn stdin() -> Self {
        Self::tar(Box::new(stdin()), Path::new("-"), true)
    }

    fn of(content: Content) -> Self {
        Self { content, check: None }
    }

    /// The same. Each time that it has been read, `check` tells whether it could be.
    #[cfg(feature = "cloud")]
    pub(super) fn with_check(self, check: impl FnMut() -> Result<()> + Send + 'static) -> Self {
        Self {
            check: Some(Box::new(check)),
            ..self
        }
    }

    /// Whether it has columns.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.content, Content::Table(_))
    }

    /// The next picture. Calls `wait` if that may take long.
    ///
    /// # Errors
    /// What the check found.
    pub(super) fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        let next = match &mut self.content {
            Content::Tar(pictures, may_wait) => {
                if *may_wait {
                    wait();
                }
                pictures.next().map(input)
            }
            Content::Table(rows) => rows.next(),
        };
        self.check.as_mut().map_or(Ok(()), |check| check())?;
        Ok(next)
    }

    /// What it holds besides.
    pub(super) fn into_left_out(self) -> LeftOut {
        match self.content {
            Content::Tar(pictures, _) => pictures.into_left_out(),
            Content::Table(_) => LeftOut::default(),
        }
    }
}

/// Whether the machine cannot read a file, which says nothing about it.
fn is_fault(error: &Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    causes.any(mbn_files::is_of_machine)
}

/// Says what a file is not, if that is why it cannot be read: the system's own errors do not tell what it is.
fn unless_unread<T>(read: Result<T>, what: &'static str) -> Result<T> {
    let is_of_system = |error: &Error| {
        let mut causes = error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>());
        causes.any(|error| error.raw_os_error().is_some())
    };
    match read {
        Err(error) if is_of_system(&error) => Err(error),
        read => read.context(what),
    }
}

fn input(found: Result<Embedded, CollectError>) -> Input {
    match found {
        Ok(Embedded { path, bytes }) => Input {
            bytes: Some(bytes),
            ..Input::file(path)
        },
        Err(error) => Input::new(Err(error), None),
    }
}

/// Path and content, or the problem, of an input of a table.
#[cfg(test)]
fn shown(input: Input) -> String {
    let content = input
        .bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let content = input.problem.or(content).unwrap_or_default();
    format!("{}: {content}", input.path.display())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_machine_is_found_among_the_causes() {
        let failed = |code| Error::from(io::Error::from_raw_os_error(code)).context("cannot be opened");
        // ESTALE and EACCES
        assert!(is_fault(&failed(116)) && !is_fault(&failed(13)));
        assert!(!is_fault(&Error::msg("Stale file handle (os error 116)")));
    }

    #[test]
    fn what_a_file_is_not_is_only_said_of_what_was_read() {
        let shown = |error: Error| {
            let found = unless_unread(Err::<(), _>(error), "it is no list");
            format!("{:#}", found.unwrap_err())
        };
        let denied = io::Error::from_raw_os_error(13);
        assert_eq!(shown(denied.into()), "Permission denied (os error 13)");
        assert_eq!(shown(Error::msg("it is empty")), "it is no list: it is empty");
        let end = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(shown(end.into()).starts_with("it is no list: "));
    }
}
