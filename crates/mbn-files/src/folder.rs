//! Folders that appear whole under their name, or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::abandoned::{CONTENT, MARKER, is_claimed, remove_abandoned};
use crate::atomic::{ATTEMPTS, NOT_LEFT_ALONE, PREFIX, SUFFIX, sync_folder};
use crate::output::{folder_of, nearest, or_current};
use crate::temporaries::Living;

/// A folder that is filled in another one with a temporary name, and gets its own name on [`AtomicFolder::commit`]. Dropped before
/// that, it leaves nothing. What a killed process leaves is removed by the next one that makes such a folder there.
#[derive(Debug)]
pub struct AtomicFolder {
    /// Locked while the folder is filled. It is closed before it is removed, which not every system does to an open file.
    marker: File,
    folder: TempDir,
    content: PathBuf,
    path: PathBuf,
    /// Ends after the folder.
    _living: Living,
}

impl AtomicFolder {
    /// Starts a folder that will become `path`, in the nearest folder above `path` that exists. What killed processes left there under
    /// temporary names is removed.
    ///
    /// # Errors
    /// That folder cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        let above = nearest(folder_of(path));
        // It may be one that can be written to and not be listed.
        let _ = remove_abandoned(above);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777)); // less what the umask removes
        }
        for _ in 0..ATTEMPTS {
            let folder = builder.tempdir_in(above)?;
            let living = Living::new(folder.path());
            let marker = folder.path().join(MARKER);
            let file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&marker)?;
            if is_claimed(&file, &marker) {
                let content = folder.path().join(CONTENT);
                fs::create_dir(&content)?;
                return Ok(Self {
                    marker: file,
                    folder,
                    content,
                    path: path.to_owned(),
                    _living: living,
                });
            }
        }
        Err(io::Error::other(NOT_LEFT_ALONE))
    }

    /// Path of the folder until it has its name, to be filled and checked.
    pub fn temporary_path(&self) -> &Path {
        &self.content
    }

    /// Syncs all that is in the folder, creates the folders above its path, and gives it its name. It replaces nothing.
    ///
    /// # Errors
    /// Something has the name already; any failure to sync, create or rename.
    pub fn commit(self) -> io::Result<()> {
        sync_all(&self.content)?;
        let above = folder_of(&self.path);
        let existing = nearest(above).to_owned();
        fs::create_dir_all(above)?;
        // Renaming would replace an empty folder, and no other.
        if self.path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&self.content, &self.path)?;
        drop(self.marker);
        // If only the marker stays, it does no harm.
        let _ = self.folder.close();
        for folder in above.ancestors().map(or_current) {
            sync_folder(folder)?;
            if folder == existing {
                break;
            }
        }
        Ok(())
    }
}

/// Syncs a folder and all that is in it.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_all(&entry.path())?,
            false => File::open(entry.path())?.sync_all()?,
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_folder_appears_whole_with_those_above_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c");
        let folder = AtomicFolder::create(&path).unwrap();
        fs::create_dir(folder.temporary_path().join("1")).unwrap();
        fs::write(folder.temporary_path().join("1/file"), "text").unwrap();
        assert_eq!(names(root.path()), [folder.folder.path()]);
        assert!(folder.temporary_path().starts_with(folder.folder.path()));
        assert!(crate::atomic::is_temporary(
            folder.folder.path().file_name().unwrap()
        ));
        folder.commit().unwrap();
        assert_eq!(names(&path), [path.join("1")]);
        assert_eq!(fs::read_to_string(path.join("1/file")).unwrap(), "text");
        assert_eq!(names(root.path()), [root.path().join("a")]);
    }

    #[test]
    fn nothing_is_replaced_and_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        drop(AtomicFolder::create(&path).unwrap());
        assert_eq!(names(root.path()), [""; 0].map(PathBuf::from));
        let folder = AtomicFolder::create(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = folder.commit().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(root.path()), [path.as_path()]);
    }

    /// What is left of a folder with a file in it when its process is killed.
    pub(crate) fn abandon(path: &Path) -> PathBuf {
        let made = AtomicFolder::create(path).unwrap();
        fs::write(made.temporary_path().join("file"), "text").unwrap();
        made.folder.keep()
    }

    /// The first one's process is killed, the second's is not.
    #[cfg(unix)]
    #[test]
    fn the_next_folder_takes_the_place_of_an_abandoned_one() {
        let root = tempfile::tempdir().unwrap();
        let left = abandon(&root.path().join("a"));
        assert!(left.join(CONTENT).join("file").exists());
        let living = AtomicFolder::create(&root.path().join("b")).unwrap();
        assert!(!left.exists());
        let next = AtomicFolder::create(&root.path().join("a")).unwrap();
        assert_eq!(names(root.path()).len(), 2);
        for folder in [living, next] {
            fs::write(folder.temporary_path().join("file"), "text").unwrap();
            folder.commit().unwrap();
        }
        let mut made = names(root.path());
        made.sort();
        assert_eq!(made, [root.path().join("a"), root.path().join("b")]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_the_umask_says() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("made");
        fs::create_dir(&path).unwrap();
        let usual = path.metadata().unwrap().permissions().mode();
        let folder = AtomicFolder::create(&root.path().join("b")).unwrap();
        let found = folder.temporary_path().metadata().unwrap().permissions().mode();
        assert_eq!(found, usual);
    }
}
