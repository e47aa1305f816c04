//! Expands the paths of a command line (files, folders and glob patterns) to a list of picture files.

mod glob_pattern;

use std::io;
use std::path::{Path, PathBuf};

use glob_pattern::{Glob, Matches};

use crate::decode::FORMAT_NAMES;
use crate::picture_files::{IsForeign, LeftOut, images_below, nothing_is_foreign};

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
    /// The path does not exist, and might be meant as a pattern, which matches no file: it has brackets.
    #[error("no such file or folder; taken as a pattern, it matches none")]
    MissingOrNoMatch,
    /// The path does not exist and is not a valid pattern.
    #[error("no such file or folder, and not a valid pattern: {0}")]
    Pattern(String),
    /// The path is a folder without pictures.
    #[error("the folder has no images ({FORMAT_NAMES}){}", .0.instead())]
    NoImages(LeftOut),
    /// The path cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Picture files, and what was left out of the folders that hold them.
#[derive(Debug, Default)]
pub struct Collected {
    /// The files in their order. A path that cannot be used is an error in its place.
    pub pictures: Vec<Result<PathBuf, CollectError>>,
    /// What folders and wildcards left out.
    pub left_out: LeftOut,
}

/// Expands `paths` to picture files, in the order of `paths` and sorted within each folder.
///
/// A path is a file with any name, a folder (searched with all its subfolders, following links, but not to a folder
/// above) or, if it does not exist, a glob pattern. A path that cannot be used becomes an error at its place in the
/// order. Folders are searched for files with the extension of a picture, and for files without an extension that begin
/// like a picture; hidden files and those of systems are left out.
pub fn collect(paths: &[PathBuf]) -> Collected {
    let mut collected = Collected::default();
    for path in paths {
        match path.metadata() {
            Ok(_) => collected.expand(path, &nothing_is_foreign),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match matches(path) {
                Ok(found) => {
                    collected.left_out.merge(found.left_out);
                    for found in found.paths {
                        match found {
                            Ok(path) => collected.expand(&path, &nothing_is_foreign),
                            Err((path, error)) => collected.fail(&path, error.into()),
                        }
                    }
                }
                Err(kind) => collected.fail(path, kind),
            },
            Err(error) => collected.fail(path, error.into()),
        }
    }
    collected
}

impl Collected {
    /// Adds a file or the pictures of a folder.
    pub(crate) fn expand(&mut self, path: &Path, is_foreign: IsForeign) {
        if !path.is_dir() {
            self.pictures.push(Ok(path.to_owned()));
            return;
        }
        let found = images_below(path, is_foreign);
        self.left_out.merge(found.left_out.clone());
        if found.images.is_empty() {
            self.fail(path, CollectErrorKind::NoImages(found.left_out));
        }
        for image in found.images {
            match image {
                Ok(image) => self.pictures.push(Ok(image)),
                Err((path, error)) => self.fail(&path, error.into()),
            }
        }
    }

    fn fail(&mut self, path: &Path, kind: CollectErrorKind) {
        let path = path.to_owned();
        self.pictures.push(Err(CollectError { path, kind }));
    }
}

/// The files and folders that a pattern matches, at least one.
fn matches(path: &Path) -> Result<Matches, CollectErrorKind> {
    let glob = Glob::new(path).map_err(|error| CollectErrorKind::Pattern(error.to_string()))?;
    let found = glob.ok_or(CollectErrorKind::Missing)?.matches();
    match found.paths.is_empty() {
        true if !path.to_string_lossy().contains(['*', '?']) => Err(CollectErrorKind::MissingOrNoMatch),
        true => Err(CollectErrorKind::NoMatch),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests;
