//! Expands the paths of a command line (files, folders and glob patterns) to a list of picture files.

mod glob_pattern;

use std::io;
use std::path::{Path, PathBuf};

use glob_pattern::{Glob, Matches};
use mbn_files::FileKind;

use crate::decode::{DecodeErrorKind, format_names};
use crate::picture_files::{
    IsForeign, IsWritten, LeftOut, Reason, Walk, lies_in, name_of, nothing_is_foreign,
};

/// A path without a picture.
#[derive(Debug, thiserror::Error)]
#[error("`{}`", path.display())]
pub struct CollectError {
    /// The path as given, or a path found below it.
    pub path: PathBuf,
    /// Why there is no picture.
    #[source]
    pub kind: CollectErrorKind,
}

/// Why a path yields no picture.
#[derive(Debug, thiserror::Error)]
pub enum CollectErrorKind {
    /// The path does not exist.
    #[error("no such file or folder")]
    Missing,
    /// The path is a pattern that matches no file.
    #[error("no file matches the pattern")]
    NoMatch,
    /// The path does not exist. It has brackets, which many file names have, and no other wildcard.
    #[error("no such file or folder (a pattern has `*` or `?`)")]
    MissingBrackets,
    /// The path does not exist and is not a valid pattern.
    #[error("no such file or folder, and not a valid pattern: {0}")]
    Pattern(String),
    /// The path is a link to what is not there.
    #[error("it is a link to `{}`, which is not there", .0.display())]
    BrokenLink(PathBuf),
    /// The path names what lies in a folder that the run itself writes.
    #[error("it lies in a folder that this run writes")]
    Written,
    /// The path is a folder without pictures.
    #[error("the folder has no images ({names}){instead}", names = format_names(), instead = .0.instead())]
    NoImages(LeftOut),
    /// The path is an archive without pictures.
    #[error("the archive has no images ({names}){instead}", names = format_names(), instead = .0.instead())]
    NoImagesInArchive(LeftOut),
    /// The path is an archive that lacks its end.
    #[error("the archive ends early, more may be missing")]
    ArchiveEnds,
    /// The path is said to be an archive, and is something else.
    #[error("it is {0}, expected a tar archive")]
    OtherThanArchive(FileKind),
    /// The path is said to be an archive, and does not begin like one.
    #[error("not a tar archive")]
    NotAnArchive,
    /// What an archive has before an entry takes more memory than any entry needs.
    #[error(
        "the {what} of an entry has {bytes} bytes, expected at most {limit}; the rest of the archive is not read"
    )]
    ArchiveHeader {
        /// Which part of it.
        what: &'static str,
        /// Bytes that the archive says it has.
        bytes: u64,
        /// The most that are read.
        limit: u64,
    },
    /// A picture in an archive cannot be used.
    #[error(transparent)]
    Picture(DecodeErrorKind),
    /// The path cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CollectErrorKind {
    /// Whether it is a fault of the machine, which says nothing about the path.
    pub fn is_of_machine(&self) -> bool {
        match self {
            Self::Io(error) => mbn_files::is_of_machine(error),
            Self::Picture(error) => error.is_of_machine(),
            _ => false,
        }
    }

    /// Why a path cannot be read: what is wrong with a link is said of what it leads to.
    fn unread(path: &Path, error: io::Error) -> Self {
        match path.read_link() {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => Self::BrokenLink(target),
            _ => Self::Io(error),
        }
    }

    /// That this is wrong with a path.
    pub(crate) fn of(self, path: &Path) -> CollectError {
        CollectError {
            path: path.to_owned(),
            kind: self,
        }
    }
}

/// Picture files, and what was left out of the folders that hold them.
#[derive(Debug, Default)]
pub struct Collected {
    /// The files in their order. A path that cannot be used is an error in its place.
    pub pictures: Vec<Result<PathBuf, CollectError>>,
    /// What folders and wildcards left out.
    pub left_out: LeftOut,
}

/// Expands `paths` to picture files, in the order of `paths`, each as [`Pictures`] finds them.
pub fn collect(paths: &[PathBuf]) -> Collected {
    let mut collected = Collected::default();
    for path in paths {
        collected.add(Pictures::of(path));
    }
    collected
}

impl Collected {
    /// Adds a file or the pictures of a folder.
    pub(crate) fn expand(&mut self, path: &Path, is_foreign: IsForeign) {
        self.add(Pictures::at(vec![Ok(path.to_owned())], is_foreign));
    }

    fn add(&mut self, mut pictures: Pictures<'_>) {
        self.pictures.extend(pictures.by_ref());
        self.left_out.merge(pictures.into_left_out());
    }
}

/// Finds the picture files of a path one after another, sorted within each folder. Of a folder it keeps in memory no more than the
/// names in it and in those above.
///
/// A path is a file with any name, a folder (searched with all its subfolders, following links, but not to a folder
/// above) or, if it does not exist and has `*` or `?`, a glob pattern. A path that cannot be used is an error at its place in the
/// order. Folders are searched for files with the extension of a picture, and for files without an extension that begin
/// like a picture; hidden files and those of systems are left out.
pub struct Pictures<'a> {
    /// Files and folders still to come.
    paths: std::vec::IntoIter<Result<PathBuf, CollectError>>,
    folder: Option<Folder<'a>>,
    is_foreign: IsForeign<'a>,
    /// The path is the name of a file or folder, not a pattern.
    is_name: bool,
    /// Which folders are left out.
    is_written: Option<IsWritten>,
    left_out: LeftOut,
}

/// A folder that is being searched.
struct Folder<'a> {
    path: PathBuf,
    walk: Walk<'a>,
    is_empty: bool,
}

impl Pictures<'static> {
    /// The pictures of a path.
    pub fn of(path: &Path) -> Self {
        Self::with_patterns(path, true)
    }

    /// The pictures of a path that is no pattern, whatever characters it has.
    pub fn of_name(path: &Path) -> Self {
        Self::with_patterns(path, false)
    }

    fn with_patterns(path: &Path, may_be_pattern: bool) -> Self {
        let failed = |kind: CollectErrorKind| vec![Err(kind.of(path))];
        let (mut left_out, mut is_name) = (LeftOut::default(), false);
        let paths = match path.metadata() {
            Ok(_) => {
                is_name = true;
                vec![Ok(path.to_owned())]
            }
            // No pattern: it is there under exactly this name.
            Err(error) if path.is_symlink() => failed(CollectErrorKind::unread(path, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_be_pattern => {
                failed(CollectErrorKind::Missing)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match matches(path) {
                Ok(found) => {
                    left_out = found.left_out;
                    let paths = found.paths.into_iter();
                    paths
                        .map(|found| {
                            found.map_err(|(path, error)| CollectErrorKind::unread(&path, error).of(&path))
                        })
                        .collect()
                }
                Err(kind) => failed(kind),
            },
            Err(error) => failed(error.into()),
        };
        Self {
            left_out,
            is_name,
            ..Self::at(paths, &nothing_is_foreign)
        }
    }
}

impl Pictures<'static> {
    /// No pictures.
    pub fn none() -> Self {
        Self::at(Vec::new(), &nothing_is_foreign)
    }
}

impl<'a> Pictures<'a> {
    fn at(paths: Vec<Result<PathBuf, CollectError>>, is_foreign: IsForeign<'a>) -> Self {
        Self {
            paths: paths.into_iter(),
            folder: None,
            is_foreign,
            is_name: false,
            is_written: None,
            left_out: LeftOut::default(),
        }
    }

    /// Leaves out what lies in folders that the run itself writes: `is_written` tells whether a folder, given with its links resolved,
    /// is one or lies in one. A path that names what lies there is an error.
    #[must_use]
    pub fn outside(self, is_written: Option<IsWritten>) -> Self {
        Self { is_written, ..self }
    }

    /// What folders and wildcards left out so far.
    pub fn into_left_out(mut self) -> LeftOut {
        if let Some(folder) = self.folder {
            self.left_out.merge(folder.walk.into_left_out());
        }
        self.left_out
    }
}

impl Iterator for Pictures<'_> {
    type Item = Result<PathBuf, CollectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(folder) = &mut self.folder {
                if let Some(image) = folder.walk.next() {
                    folder.is_empty = false;
                    return Some(
                        image.map_err(|(path, error)| CollectErrorKind::unread(&path, error).of(&path)),
                    );
                }
                let folder = self.folder.take()?;
                let left_out = folder.walk.into_left_out();
                self.left_out.merge(left_out.clone());
                if folder.is_empty {
                    let kind = CollectErrorKind::NoImages(left_out);
                    return Some(Err(kind.of(&folder.path)));
                }
            }
            let is_written = self.is_written.as_deref();
            match self.paths.next()? {
                Ok(path) if is_written.is_some_and(|is_written| lies_in(&path, is_written)) => {
                    if self.is_name {
                        return Some(Err(CollectErrorKind::Written.of(&path)));
                    }
                    self.left_out.add_named(Reason::Written, name_of(&path));
                }
                Ok(path) if path.is_dir() => {
                    self.folder = Some(Folder {
                        walk: Walk::new(&path, self.is_foreign).outside(self.is_written.clone()),
                        path,
                        is_empty: true,
                    });
                }
                Ok(path) if path.is_symlink() => {
                    let target = path.metadata();
                    let kind = target.err().map(|error| CollectErrorKind::unread(&path, error));
                    return Some(kind.map_or(Ok(path.clone()), |kind| Err(kind.of(&path))));
                }
                other => return Some(other),
            }
        }
    }
}

/// The files and folders that a pattern matches, at least one.
fn matches(path: &Path) -> Result<Matches, CollectErrorKind> {
    // Brackets alone are part of names such as `photo[1].jpg`, and would match `photo1.jpg` once that is gone.
    let glob = Glob::new(path);
    let text = path.as_os_str().as_encoded_bytes();
    if !text.iter().any(|byte| b"*?".contains(byte)) {
        return Err(match glob {
            Ok(None) => CollectErrorKind::Missing,
            _ => CollectErrorKind::MissingBrackets,
        });
    }
    let glob = glob.map_err(|error| CollectErrorKind::Pattern(error.to_string()))?;
    let found = glob.ok_or(CollectErrorKind::Missing)?.matches();
    match found.paths.is_empty() {
        true => Err(CollectErrorKind::NoMatch),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests;
