//! Files that hold many pictures: tar archives and Parquet files.

mod table;

use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::Path;

use mbn_data::{CollectError, Embedded, LeftOut, TarPictures};

use super::Input;
use table::Table;

/// Bytes read from an archive at a time.
const CHUNK: usize = 1 << 20;

/// A file that holds many pictures.
pub(super) enum Container {
    /// A tar archive, and whether reading may wait for whoever writes it.
    Tar(Box<TarPictures<Box<dyn Read + Send>>>, bool),
    /// A Parquet file.
    Table(Box<Table>),
}

impl Container {
    /// Whether a file is taken for one, by its name.
    pub(super) fn has_name(path: &Path) -> bool {
        ["tar", "parquet"]
            .iter()
            .any(|extension| has_extension(path, extension))
    }

    /// Opens the file `path`, unless it is not taken for one.
    pub(super) fn open(path: &Path) -> Option<Result<Self, Input>> {
        let opened = if has_extension(path, "tar") {
            Self::tar(path).map_err(|error| Input::failed(path, &error))
        } else if has_extension(path, "parquet") {
            let table = Table::open(path).map(|table| Self::Table(Box::new(table)));
            table.map_err(|problem| Input {
                problem: Some(format!("{problem:#}")),
                ..Input::file(path.to_owned())
            })
        } else {
            return None;
        };
        Some(opened)
    }

    fn tar(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let may_wait = !file.metadata()?.is_file();
        Ok(Self::new_tar(Box::new(file), path, may_wait))
    }

    /// The tar archive on stdin.
    pub(super) fn stdin() -> Self {
        Self::new_tar(Box::new(stdin()), Path::new("-"), true)
    }

    fn new_tar(content: Box<dyn Read + Send>, path: &Path, may_wait: bool) -> Self {
        let content = Box::new(BufReader::with_capacity(CHUNK, content));
        Self::Tar(Box::new(TarPictures::new(content, path)), may_wait)
    }

    /// The next picture. Calls `wait` if that may take long.
    pub(super) fn next(&mut self, wait: &mut dyn FnMut()) -> Option<Input> {
        match self {
            Self::Tar(pictures, may_wait) => {
                if *may_wait {
                    wait();
                }
                pictures.next().map(input)
            }
            Self::Table(table) => table.next(),
        }
    }

    /// What it holds besides.
    pub(super) fn into_left_out(self) -> LeftOut {
        match self {
            Self::Tar(pictures, _) => pictures.into_left_out(),
            Self::Table(_) => LeftOut::default(),
        }
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

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
