//! What a command line's paths stand for: files, folders and glob patterns to a list of picture files.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::images_below;
use crate::pattern::{Glob, Matches};

/// A path that stands for no picture.
#[derive(Debug, thiserror::Error)]
#[error("`{}`", path.display())]
pub struct CollectError {
    /// The path as given, or the one found below it.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub kind: CollectErrorKind,
}

/// Why a path stands for no picture.
#[derive(Debug, thiserror::Error)]
pub enum CollectErrorKind {
    /// There is nothing of that name.
    #[error("no such file or folder")]
    Missing,
    /// It is a pattern that fits no file.
    #[error("no file matches the pattern")]
    NoMatch,
    /// It is no file's name and no pattern.
    #[error("no such file or folder, and no pattern: {0}")]
    Pattern(String),
    /// It is a folder without pictures.
    #[error("the folder has no images (PNG, JPEG, WebP, BMP or GIF)")]
    NoImages,
    /// It cannot be looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The picture files that `paths` stand for, in the order of `paths`, the content of each folder sorted.
///
/// A path is a file of any name, a folder (searched to its bottom, links followed) or, where nothing has that
/// name, a glob pattern. What cannot be used takes its place in the order as an error.
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

/// Adds a file, or the pictures of a folder.
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

/// What a pattern fits; [`NoMatch`](CollectErrorKind::NoMatch) if that is nothing.
fn matches(path: &Path) -> Result<Matches, CollectErrorKind> {
    let glob = Glob::new(path).map_err(|error| CollectErrorKind::Pattern(error.to_string()))?;
    let found = glob.ok_or(CollectErrorKind::Missing)?.matches();
    match found.is_empty() {
        true => Err(CollectErrorKind::NoMatch),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn show(collected: &[Result<PathBuf, CollectError>], root: &Path) -> Vec<String> {
        let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        collected
            .iter()
            .map(|result| match result {
                Ok(path) => relative(path),
                Err(error) => format!("{}: {}", relative(&error.path), error.kind),
            })
            .collect()
    }

    #[test]
    fn files_folders_and_patterns_in_the_order_given() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for name in [
            "z/b.png",
            "z/a.JPEG",
            "z/deep/c.webp",
            "z/notes.txt",
            "z/.hidden.png",
            "top.dat",
            "1.png",
        ] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "").unwrap();
        }
        fs::create_dir(root.join("empty")).unwrap();
        let inputs = [
            "top.dat",
            "z",
            "gone.png",
            "empty",
            "*.png",
            "z/*/*.webp",
            "*.gif",
            "[a",
            "1.png",
            "z/d*",
        ];
        let inputs = inputs.map(|name| root.join(name));
        let found = show(&collect(&inputs), root);
        assert_eq!(
            found[..12],
            [
                "top.dat",
                "z/a.JPEG",
                "z/b.png",
                "z/deep/c.webp",
                "gone.png: no such file or folder",
                "empty: the folder has no images (PNG, JPEG, WebP, BMP or GIF)",
                "1.png",
                "z/deep/c.webp",
                "*.gif: no file matches the pattern",
                found[9].as_str(),
                "1.png",
                "z/deep/c.webp",
            ]
        );
        assert!(
            found[9].starts_with("[a: no such file or folder, and no pattern"),
            "{}",
            found[9]
        );
        assert_eq!(found.len(), 12);
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a[1].png");
        fs::write(&path, "").unwrap();
        fs::write(root.path().join("a1.png"), "").unwrap();
        assert_eq!(show(&collect(&[path]), root.path()), ["a[1].png"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("elsewhere")).unwrap();
        fs::create_dir_all(root.join("in")).unwrap();
        fs::write(root.join("elsewhere/x.png"), "").unwrap();
        symlink(root.join("elsewhere"), root.join("in/link")).unwrap();
        symlink(root.join("in"), root.join("in/circle")).unwrap();
        symlink(root.join("elsewhere/x.png"), root.join("in/y.png")).unwrap();
        symlink(root.join("nowhere"), root.join("in/broken.png")).unwrap();
        let found = show(&collect(&[root.join("in")]), root);
        assert!(found[0].starts_with("in/broken.png: "), "{}", found[0]);
        assert_eq!(found[1..], ["in/link/x.png", "in/y.png"]);
        assert_eq!(found.len(), 3);
    }
}
