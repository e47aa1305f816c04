//! Glob patterns, expanded as a shell does it: `*`, `?` and `[a-z]` within a name, `**` for folders of any depth.

use std::ffi::OsString;
use std::fs::{DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};

use crate::files::is_hidden;

const META: [char; 3] = ['*', '?', '['];

/// Neither fits a leading dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A path with wildcards.
#[derive(Debug)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    /// It ends with a `/`.
    folders_only: bool,
}

/// A name in the path.
#[derive(Debug)]
enum Part {
    /// As it is.
    Name(OsString),
    /// Every name that fits.
    Names(Pattern),
    /// The folder before it, and all that are below.
    Folders,
}

/// What a pattern fits, each folder's content sorted, and in their place folders that cannot be looked into.
pub(crate) type Matches = Vec<Result<PathBuf, (PathBuf, io::Error)>>;

impl Glob {
    /// The pattern that `path` is, `None` if it has no wildcard.
    pub(crate) fn new(path: &Path) -> Result<Option<Self>, PatternError> {
        let mut parts = Vec::new();
        for component in path.components() {
            let name = component.as_os_str();
            let text = name.to_string_lossy();
            parts.push(match &*text {
                // Once more makes no difference.
                "**" if matches!(parts.last(), Some(Part::Folders)) => continue,
                "**" => Part::Folders,
                text if text.contains(META) => Part::Names(Pattern::new(text)?),
                _ => Part::Name(name.to_owned()),
            });
        }
        let has_wildcard = parts.iter().any(|part| !matches!(part, Part::Name(_)));
        Ok(has_wildcard.then_some(Self {
            parts,
            folders_only: path.as_os_str().as_encoded_bytes().ends_with(b"/"),
        }))
    }

    /// What it fits.
    pub(crate) fn matches(&self) -> Matches {
        let mut matches = Vec::new();
        expand(PathBuf::new(), &self.parts, &mut matches);
        if self.folders_only {
            matches.retain(|found| found.as_ref().map_or(true, |path| path.is_dir()));
        }
        matches
    }
}

/// Adds what `parts` fit from the folder `base` on.
fn expand(base: PathBuf, parts: &[Part], matches: &mut Matches) {
    let Some((part, rest)) = parts.split_first() else {
        matches.push(Ok(base));
        return;
    };
    match part {
        Part::Name(name) => {
            let path = base.join(name);
            // Whether there is something in between shows below it.
            match path.symlink_metadata() {
                Err(error) if rest.is_empty() => add_failure(path, error, matches),
                _ => expand(path, rest, matches),
            }
        }
        Part::Names(pattern) => {
            for name in sorted(&base, matches).iter().map(DirEntry::file_name) {
                if pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                    expand(base.join(name), rest, matches);
                }
            }
        }
        // What is below a folder belongs to it.
        Part::Folders if rest.is_empty() => {
            let folder = folder_of(&base);
            if folder.is_dir() {
                matches.push(Ok(folder));
            }
        }
        Part::Folders => expand_below(&base, rest, &mut Vec::new(), matches),
    }
}

/// Adds what `parts` fit from the folder `base` and each visible one below it on. `above` holds the folders, without
/// links, that led here: a link back to one is not followed.
fn expand_below(base: &Path, parts: &[Part], above: &mut Vec<PathBuf>, matches: &mut Matches) {
    let real = match folder_of(base).canonicalize() {
        Ok(real) => real,
        Err(error) => return add_failure(base.to_owned(), error, matches),
    };
    if above.contains(&real) {
        log::warn!(
            "not followed: `{}` leads back to `{}`",
            base.display(),
            real.display()
        );
        return;
    }
    expand(base.to_owned(), parts, matches);
    above.push(real);
    for entry in sorted(base, matches) {
        let path = base.join(entry.file_name());
        // What a link leads to has to be looked at, what is a folder is one even if it cannot be looked into.
        let is_folder = |kind: FileType| kind.is_dir() || (kind.is_symlink() && path.is_dir());
        if !is_hidden(&entry.file_name()) && entry.file_type().is_ok_and(is_folder) {
            expand_below(&path, parts, above, matches);
        }
    }
    above.pop();
}

/// What is in a folder, by name; nothing if it is no folder.
fn sorted(folder: &Path, matches: &mut Matches) -> Vec<DirEntry> {
    let entries = folder_of(folder).read_dir().and_then(Iterator::collect);
    let mut entries: Vec<DirEntry> = entries.unwrap_or_else(|error| {
        add_failure(folder_of(folder), error, matches);
        Vec::new()
    });
    entries.sort_by_key(DirEntry::file_name);
    entries
}

/// Adds a path that cannot be looked at, unless there is nothing of its name: a pattern asks for no certain one.
fn add_failure(path: PathBuf, error: io::Error, matches: &mut Matches) {
    let is_there = !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    );
    // `**` looks into a folder twice.
    let is_known = || {
        let mut failures = matches.iter().filter_map(|found| found.as_ref().err());
        failures.any(|(known, _)| *known == path)
    };
    if is_there && !is_known() {
        matches.push(Err((path, error)));
    }
}

fn folder_of(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    /// What fits below `root`, with `!` before what failed.
    fn found(root: &Path, pattern: &str) -> Vec<String> {
        let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        let glob = Glob::new(&root.join(pattern)).unwrap().unwrap();
        let matches = glob.matches();
        let show = |found: &Result<PathBuf, (PathBuf, io::Error)>| match found {
            Ok(path) => relative(path),
            Err((path, _)) => format!("!{}", relative(path)),
        };
        matches.iter().map(show).collect()
    }

    #[test]
    fn names_folders_and_depths() {
        let root = tree(&[
            "a/1.png",
            "a/b/2.png",
            "a/b/.3.png",
            "c/b/4.png",
            "c/.d/5.png",
            ".e/6.png",
            "7.png",
        ]);
        for (pattern, expected) in [
            ("*", &["7.png", "a", "c"][..]),
            ("*/", &["a", "c"]),
            (".*", &[".e"]),
            ("*/b/*.png", &["a/b/2.png", "c/b/4.png"]),
            ("*/b/.*", &["a/b/.3.png"]),
            ("[ac]/?.png", &["a/1.png"]),
            ("*/b", &["a/b", "c/b"]),
            ("*/*/../1.png", &["a/b/../1.png"]),
            ("*/1.png", &["a/1.png"]),
            ("**/*.png", &["7.png", "a/1.png", "a/b/2.png", "c/b/4.png"]),
            ("**/**/b/*", &["a/b/2.png", "c/b/4.png"]),
            ("c/**", &["c"]),
            ("**/.d/*", &["c/.d/5.png"]),
            ("none/*", &[]),
            ("none/**", &[]),
            ("7.png/*", &[]),
        ] {
            assert_eq!(found(root.path(), pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_path_without_wildcards_is_no_pattern() {
        assert!(Glob::new(Path::new("a/b.png")).unwrap().is_none());
        for pattern in ["[a", "a**", "***"] {
            assert!(Glob::new(Path::new(pattern)).is_err(), "{pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_fit_as_well() {
        use std::os::unix::ffi::OsStrExt;
        let root = tree(&["a.png"]);
        let name = std::ffi::OsStr::from_bytes(b"n\xe9.png");
        fs::write(root.path().join(name), "").unwrap();
        let glob = Glob::new(&root.path().join("*.png")).unwrap().unwrap();
        let paths: Vec<_> = glob.matches().into_iter().map(Result::unwrap).collect();
        assert_eq!(paths, [root.path().join("a.png"), root.path().join(name)]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_in_circles() {
        use std::os::unix::fs::symlink;
        let root = tree(&["a/1.png", "b/2.png"]);
        symlink("../b", root.path().join("a/to")).unwrap();
        symlink("../a", root.path().join("b/to")).unwrap();
        let found = found(root.path(), "**/*.png");
        assert_eq!(found, ["a/1.png", "a/to/2.png", "b/2.png", "b/to/1.png"]);
    }

    /// Folders whose paths together are longer than the system takes: nobody, root included, can look into the last.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_cannot_be_looked_into_takes_nothing_else_away() {
        const PATH_MAX: usize = 4096;
        let root = tree(&["a.png", "z/b.png"]);
        let chain = |first: &str| {
            let names = std::iter::repeat_n("d".repeat(250), PATH_MAX / 2 / 250 + 1);
            let mut path = root.path().join(first);
            path.extend(names);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (deep, _) = (chain("m"), chain("other"));
        fs::rename(root.path().join("other"), deep.join("other")).unwrap();
        let found = found(root.path(), "**/*.png");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!((&*found[0], &*found[2]), ("a.png", "z/b.png"));
        assert!(found[1].starts_with("!m/d"), "{found:?}");
    }
}
