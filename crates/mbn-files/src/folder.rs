//! Folders that appear whole under their name, or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::atomic::{PREFIX, SUFFIX, sync_folder};
use crate::output::{folder_of, nearest, or_current};
use crate::temporaries::Living;

/// A folder that is filled under a temporary name and gets its own on [`AtomicFolder::commit`]. Dropped before that, it
/// leaves nothing.
#[derive(Debug)]
pub struct AtomicFolder {
    folder: TempDir,
    path: PathBuf,
    /// Ends after the folder.
    _living: Living,
}

impl AtomicFolder {
    /// Starts a folder that will become `path`, in the nearest folder above `path` that exists.
    ///
    /// # Errors
    /// That folder cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777)); // less what the umask removes
        }
        let folder = builder.tempdir_in(nearest(folder_of(path)))?;
        Ok(Self {
            _living: Living::new(folder.path()),
            folder,
            path: path.to_owned(),
        })
    }

    /// Path of the temporary folder, to be filled and checked.
    pub fn temporary_path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs all that is in the folder, creates the folders above its path, and gives it its name. It replaces nothing.
    ///
    /// # Errors
    /// Something has the name already; any failure to sync, create or rename.
    pub fn commit(self) -> io::Result<()> {
        sync_all(self.folder.path())?;
        let above = folder_of(&self.path);
        let existing = nearest(above).to_owned();
        fs::create_dir_all(above)?;
        // Renaming would replace an empty folder, and no other.
        if self.path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.folder.path(), &self.path)?;
        // Nothing has the temporary name any more.
        let _ = self.folder.keep();
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
mod tests {
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
        assert_eq!(names(root.path()), [folder.temporary_path()]);
        assert!(crate::atomic::is_temporary(
            folder.temporary_path().file_name().unwrap()
        ));
        folder.commit().unwrap();
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
