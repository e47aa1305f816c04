//! Expands the paths of a command line (files, folders and glob patterns) to a list of picture files.

mod glob_pattern;

use std::io;
use std::path::{Path, PathBuf};

use glob_pattern::{Glob, Matches};

use crate::decode::FORMAT_NAMES;
use crate::picture_files::images_below;

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
    #[error("the folder has no images ({FORMAT_NAMES})")]
    NoImages,
    /// The path cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Expands `paths` to picture files, in the order of `paths` and sorted within each folder.
///
/// A path is a file with any name, a folder (searched with all its subfolders, following links) or, if it does not
/// exist, a glob pattern. A path that cannot be used becomes an error at its place in the order.
pub fn collect(paths: &[PathBuf]) -> Vec<Result<PathBuf, CollectError>> {
    let mut collected = Vec::new();
    for path in paths {
        match path.metadata() {
            Ok(_) => expand(path, &mut collected),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match matches(path) {
                Ok(found) => found.into_iter().for_each(|found| match found {
                    Ok(path) => expand(&path, &mut collected),
                    Err((path, error)) => collected.push(Err(failure(&path, error.into()))),
                }),
                Err(kind) => collected.push(Err(failure(path, kind))),
            },
            Err(error) => collected.push(Err(failure(path, error.into()))),
        }
    }
    collected
}

fn failure(path: &Path, kind: CollectErrorKind) -> CollectError {
    CollectError {
        path: path.to_owned(),
        kind,
    }
}

/// Adds a file or the pictures of a folder.
fn expand(path: &Path, collected: &mut Vec<Result<PathBuf, CollectError>>) {
    if !path.is_dir() {
        collected.push(Ok(path.to_owned()));
        return;
    }
    let found = images_below(path).images;
    if found.is_empty() {
        collected.push(Err(failure(path, CollectErrorKind::NoImages)));
    }
    let found = found.into_iter();
    collected.extend(found.map(|found| found.map_err(|(path, error)| failure(&path, error.into()))));
}

/// The files and folders that a pattern matches, at least one.
fn matches(path: &Path) -> Result<Matches, CollectErrorKind> {
    let glob = Glob::new(path).map_err(|error| CollectErrorKind::Pattern(error.to_string()))?;
    let found = glob.ok_or(CollectErrorKind::Missing)?.matches();
    match found.is_empty() {
        true if !path.to_string_lossy().contains(['*', '?']) => Err(CollectErrorKind::MissingOrNoMatch),
        true => Err(CollectErrorKind::NoMatch),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests;
