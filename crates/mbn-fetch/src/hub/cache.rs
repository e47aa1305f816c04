//! The cache: where things are in it, and how they get there whole while other processes do the same.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mbn_files::{atomic, folder_of, whole_file};
use tempfile::NamedTempFile;

use super::name::is_commit;
use super::{Hub, HubError, HubName};
use crate::lock::{Lock, Unlocked};
use crate::transfer::Tick;

/// The deepest folder, and the most files, that are looked for in a snapshot.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 10_000;

/// The largest file that says which commit a revision is at, in bytes.
const MAX_REVISION: u64 = 4 << 10;

/// The part of the cache that belongs to a repository.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    locks: PathBuf,
}

impl Cache {
    pub fn new(hub: &Hub, name: &HubName) -> Self {
        let folder = format!("models--{}", name.repository().replace('/', "--"));
        Self {
            locks: hub.cache.join(".locks").join(&folder),
            folder: hub.cache.join(folder),
        }
    }

    /// The repository's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit of a revision, as far as the cache knows.
    pub fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            let known = self.folder.join("snapshots").join(revision).is_dir();
            return known.then(|| revision.to_owned());
        }
        let path = self.folder.join("refs").join(revision);
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let commit = whole_file::read(&path, MAX_REVISION, too_large).ok()?;
        let commit = str::from_utf8(&commit).ok()?.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Where a file of a commit is.
    pub fn snapshot(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(file)
    }

    /// The files of a commit that are there, without those that have a temporary name.
    pub fn files(&self, commit: &str) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut folders = vec![(self.folder.join("snapshots").join(commit), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| !atomic::is_temporary(&entry.file_name())) {
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let (path, name) = (entry.path(), format!("{prefix}{name}"));
                if path.is_file() && files.len() < MAX_FILES {
                    files.insert(name);
                } else if path.is_dir() && depth < MAX_DEPTH {
                    folders.push((path, format!("{name}/"), depth + 1));
                }
            }
        }
        files
    }

    /// Whether it is known that a commit has a file, and what is in it, or that it has none.
    pub fn is_known(&self, commit: &str, file: &str) -> bool {
        self.snapshot(commit, file).is_file() || self.no_file(commit, file).is_file()
    }

    fn no_file(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit).join(file)
    }

    /// Notes that a commit has no such file. A cache that cannot be written to goes without the note.
    pub fn note_missing(&self, commit: &str, file: &str) {
        let path = self.no_file(commit, file);
        if !path.is_file()
            && let Err(error) = write(&path, b"")
        {
            log::debug!("cannot write `{}`: {error}", path.display());
        }
    }

    /// Notes which commit a branch or tag is at. A cache that cannot be written to goes without the note.
    pub fn note_revision(&self, revision: &str, commit: &str) {
        if is_commit(revision) || self.commit(revision).as_deref() == Some(commit) {
            return;
        }
        let path = self.folder.join("refs").join(revision);
        if let Err(error) = write(&path, commit.as_bytes()) {
            log::debug!("cannot write `{}`: {error}", path.display());
        }
    }

    /// Where the content with this ETag is.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where it is until it is whole.
    pub fn part(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// Waits until no other process fetches the content. The file of the lock stays, as it does for the Hub's library.
    pub fn lock(&self, etag: &str, tick: &mut Tick) -> Result<Lock, HubError> {
        let path = self.locks.join(format!("{etag}.lock"));
        create_parent(&path).map_err(|error| HubError::disk(&path, error))?;
        Lock::wait(&path, tick).map_err(|unlocked| match unlocked {
            Unlocked::Disk(error) => HubError::disk(&path, error),
            Unlocked::Stopped => HubError::Interrupted,
        })
    }

    /// Gives content its place in the snapshot of a commit.
    pub fn link(&self, commit: &str, file: &str, etag: &str) -> Result<PathBuf, HubError> {
        let path = self.snapshot(commit, file);
        let disk = |error| HubError::disk(&path, error);
        create_parent(&path).map_err(disk)?;
        let above = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{above}blobs/{etag}"));
        // What killed processes left does no harm if it stays.
        let _ = atomic::remove_abandoned(folder_of(&path));
        temporary(folder_of(&path), &target, &self.blob(etag))
            .and_then(|place| place.into_temp_path().persist(&path).map_err(|error| error.error))
            .map_err(disk)?;
        Ok(path)
    }
}

/// A link under a temporary name.
fn temporary(folder: &Path, target: &Path, blob: &Path) -> io::Result<NamedTempFile<()>> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(atomic::PREFIX).suffix(atomic::SUFFIX);
    builder.make_in(folder, |name| symlink(target, blob, name))
}

#[cfg(unix)]
fn symlink(relative: &Path, _: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, link)
}

/// Windows may forbid links: then the content is copied, as the Hub's library does.
#[cfg(not(unix))]
fn symlink(relative: &Path, blob: &Path, link: &Path) -> io::Result<()> {
    #[cfg(windows)]
    if std::os::windows::fs::symlink_file(relative, link).is_ok() {
        return Ok(());
    }
    let _ = relative;
    fs::copy(blob, link).map(drop)
}

pub(super) fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Writes a small file, whole or not at all.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    create_parent(path)?;
    atomic::write(path, content)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_no_file_of_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            folder: folder.path().join("models--a--b"),
            locks: folder.path().join(".locks"),
        };
        let commit = "0123456789abcdef0123456789abcdef01234567";
        create_parent(&cache.blob("etag")).unwrap();
        fs::write(cache.blob("etag"), "content").unwrap();
        for file in ["model.onnx", "sub/model.onnx"] {
            let path = cache.link(commit, file, "etag").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
            let above = path.parent().unwrap();
            let target = fs::read_link(&path).unwrap();
            let left = temporary(above, &target, &cache.blob("etag")).unwrap();
            let (_, left) = left.keep().unwrap();
            assert!(atomic::is_temporary(left.file_name().unwrap()) && left.is_file());
        }
        let files: Vec<_> = cache.files(commit).into_iter().collect();
        assert_eq!(files, ["model.onnx", "sub/model.onnx"]);
    }
}
