//! Tells whether two paths lead to one file.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use same_file::Handle;

use crate::output::{OutputKind, folder_of, nearest};

/// A file, whatever the path that leads to it: equal for all its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileId(Id);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    /// Device and inode of a file that exists.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The only path without links.
    Path(PathBuf),
}

impl FileId {
    /// The file that `path` leads to, or the one that would be created there, in folders that may be missing too. `None` for what is
    /// no regular file.
    pub fn of(path: &Path) -> Option<Self> {
        let Ok(OutputKind::File(file)) = OutputKind::of(path) else {
            return None;
        };
        match fs::metadata(&file) {
            Ok(found) => Self::existing(&file, &found),
            Err(_) => {
                let folder = folder_of(&file);
                let there = nearest(folder);
                // Those above a relative path are the current one.
                let missing = folder.strip_prefix(there).unwrap_or(folder);
                let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
                if !missing.components().all(is_plain) || !there.is_dir() {
                    return None;
                }
                let folder = there.canonicalize().ok()?;
                let name = file.file_name()?;
                Some(Self(Id::Path(folder.join(missing).join(name))))
            }
        }
    }

    /// As [`FileId::of`], for a file that is there: `None` if nothing is. It looks the file up once.
    pub fn of_existing(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        found.is_file().then(|| Self::existing(path, &found)).flatten()
    }

    /// As [`FileId::of_existing`], for a file of which `found` is known, as of one that is open.
    #[cfg(unix)]
    pub fn existing(_: &Path, found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self(Id::Inode(found.dev(), found.ino())))
    }

    /// As [`FileId::of_existing`], for a file of which `found` is known, as of one that is open.
    #[cfg(not(unix))]
    pub fn existing(file: &Path, _: &Metadata) -> Option<Self> {
        file.canonicalize().ok().map(|path| Self(Id::Path(path)))
    }
}

/// Whether a file has not been renamed or removed since it was opened as `name`.
///
/// # Errors
/// The system does not say what has this name now.
pub fn still_has_its_name(file: &File, name: &Path) -> io::Result<bool> {
    match Handle::from_path(name) {
        Ok(named) => Ok(named == Handle::from_file(file.try_clone()?)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn all_names_of_a_file_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "other"] {
            fs::write(at(name), name).unwrap();
        }
        fs::create_dir(at("sub")).unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        symlink("a", at("soft")).unwrap();
        symlink("soft", at("softer")).unwrap();
        symlink(".", at("here")).unwrap();
        let id = |name: &str| FileId::of(&at(name));
        assert!(id("a").is_some());
        for name in ["./a", "sub/../a", "hard", "soft", "softer", "here/a"] {
            assert_eq!(id(name), id("a"), "{name}");
            assert_eq!(FileId::of_existing(&at(name)), id("a"), "{name}");
        }
        assert_ne!(id("other"), id("a"));
        // Files that are not there yet.
        symlink("new", at("dangling")).unwrap();
        assert!(id("new").is_some());
        for name in ["here/new", "sub/../new", "dangling"] {
            assert_eq!(id(name), id("new"), "{name}");
        }
        assert_ne!(id("sub/new"), id("new"));
        assert!(id("gone/deep/new").is_some());
        assert_eq!(id("here/gone/./deep/new"), id("gone/deep/new"));
        for none in ["sub", "a/b", "gone/../a"] {
            assert_eq!(id(none), None, "{none}");
        }
        for none in [at("new"), at("sub"), PathBuf::from("/dev/null")] {
            assert_eq!(FileId::of_existing(&none), None, "{}", none.display());
        }
        assert_eq!(FileId::of(Path::new("/dev/null")), None);
    }
}
