//! Checks that an output can be written, before a program starts the work that makes it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Most links that lead to a file, the same as on Linux.
const MAX_LINKS: usize = 40;

/// What the path of an output leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// A regular file, present or not, under its own name: links to it have been followed.
    File(PathBuf),
    /// A device, a pipe, or a file that a process holds open (`/dev/stdout`): it can be written to, not replaced.
    Stream,
}

/// Whether the folder of an output must already exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folders {
    /// It must.
    Present,
    /// The caller creates it, and those above it, before writing.
    Created,
}

/// An output that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct OutputError {
    /// The path of the output, as it was given.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub problem: OutputProblem,
}

/// Why an output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputProblem {
    /// The path is a folder's.
    #[error("it is a folder, expected a file")]
    IsFolder,
    /// The path ends as only a folder's can, in `/` or `.`, although nothing has that name.
    #[error("its end names a folder, expected the name of a file")]
    NamesFolder,
    /// The path leads to something that cannot be replaced.
    #[error("it is a device, a pipe or an open file, expected a file that can be replaced")]
    IsStream,
    /// Links lead in a circle, or through too many others.
    #[error("it leads through more than {MAX_LINKS} links")]
    TooManyLinks,
    /// The folder of the output does not exist.
    #[error("there is no folder `{}`", .0.display())]
    NoFolder(PathBuf),
    /// A part of the path that must be a folder is something else.
    #[error("`{}` is a file, expected a folder", .0.display())]
    NotAFolder(PathBuf),
    /// No file can be created in the folder.
    #[error("folder `{}` cannot be written to", folder.display())]
    ReadOnly {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not say what the path leads to.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<OutputProblem> for io::Error {
    fn from(problem: OutputProblem) -> Self {
        match problem {
            OutputProblem::Io(error) => error,
            problem => io::Error::other(problem),
        }
    }
}

/// Checks that `path` can be written, as a file or a stream. Creates nothing that stays.
///
/// # Errors
/// [`OutputError`] with the first problem found.
pub fn check_output(path: &Path, folders: Folders) -> Result<OutputKind, OutputError> {
    let check = || {
        let kind = OutputKind::of(path)?;
        if let OutputKind::File(file) = &kind {
            check_folder(folder_of(file), folders)?;
        }
        Ok(kind)
    };
    check().map_err(|problem| error(path, problem))
}

/// Checks that `path` can be written as a file that replaces an older one, and returns its own name, links followed.
///
/// # Errors
/// As [`check_output`], and for a stream.
pub fn check_output_file(path: &Path, folders: Folders) -> Result<PathBuf, OutputError> {
    match check_output(path, folders)? {
        OutputKind::File(file) => Ok(file),
        OutputKind::Stream => Err(error(path, OutputProblem::IsStream)),
    }
}

/// Checks that files can be written in the folder `path`, which the caller creates if it is missing. Creates nothing that stays.
///
/// # Errors
/// It or the nearest folder above it cannot be written to, or is no folder.
pub fn check_output_folder(path: &Path) -> Result<(), OutputError> {
    check_folder(or_current(path), Folders::Created).map_err(|problem| error(path, problem))
}

impl OutputKind {
    /// Finds what `path` leads to. Opens nothing, and does not check that the folder exists.
    ///
    /// # Errors
    /// It is a folder or ends as only a folder's path can, leads through too many links, or the system does not say what it is.
    pub fn of(path: &Path) -> Result<Self, OutputProblem> {
        let mut name = path.to_owned();
        for _ in 0..MAX_LINKS {
            if is_open_file(&name) {
                return Ok(Self::Stream);
            }
            match name.symlink_metadata() {
                Ok(found) if found.is_symlink() => name = folder_of(&name).join(name.read_link()?),
                Ok(found) if found.is_dir() => return Err(OutputProblem::IsFolder),
                Ok(found) if !found.is_file() => return Ok(Self::Stream),
                Ok(_) => return Ok(Self::File(name)),
                Err(error) if is_absent(&error) && names_folder(&name) => {
                    return Err(OutputProblem::NamesFolder);
                }
                Err(error) if is_absent(&error) => return Ok(Self::File(name)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(OutputProblem::TooManyLinks)
    }
}

/// Whether the path ends in a separator, `.` or `..`. [`Path`] leaves out the first two of them.
fn names_folder(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    let last = text.rsplit(is_separator).next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// Whether the error means that nothing has this name, which is also true below something that is not a folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a name is an entry of Linux's `/proc/PID/fd`, an open file: a link whose target need not be a path.
fn is_open_file(name: &Path) -> bool {
    let folder = folder_of(name).canonicalize().unwrap_or_default();
    folder.starts_with("/proc") && folder.file_name() == Some(OsStr::new("fd"))
}

/// Checks that a file can be created in `folder` or, if it does not exist, in the nearest folder above it.
fn check_folder(folder: &Path, folders: Folders) -> Result<(), OutputProblem> {
    let nearest = nearest(folder);
    if !nearest.is_dir() {
        return Err(OutputProblem::NotAFolder(nearest.to_owned()));
    }
    if folders == Folders::Present && !folder.is_dir() {
        return Err(OutputProblem::NoFolder(folder.to_owned()));
    }
    match tempfile::tempfile_in(nearest) {
        Ok(_) => Ok(()),
        Err(source) => Err(OutputProblem::ReadOnly {
            folder: nearest.to_owned(),
            source,
        }),
    }
}

/// The nearest of `folder` and those above it that exists.
pub(crate) fn nearest(folder: &Path) -> &Path {
    let mut folders = folder.ancestors().map(or_current);
    folders.find(|folder| folder.exists()).unwrap_or(Path::new("."))
}

/// The folder that `path` is in: the current one for a mere name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().map_or(Path::new("."), or_current)
}

/// The folder; an empty path means the current one.
pub fn or_current(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

fn error(path: &Path, problem: OutputProblem) -> OutputError {
    let path = path.to_owned();
    OutputError { path, problem }
}

#[cfg(test)]
mod tests;
