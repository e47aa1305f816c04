//! Owner, group and mode of files that replace others. A program of its own: the process that a test starts has a copy of every open
//! file for a moment, and with it the locks that other tests expect to be free.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mbn_files::{PartialFile, atomic};
use mbn_testing::{Needs, skip};

/// Somebody with neither the rights of root nor a group that others have here.
const OTHER: u32 = 54_321;
/// Names the file that a process of [`OTHER`] replaces.
const REPLACED: &str = "MBN_TEST_REPLACED";

/// Owner, group and mode.
fn found(path: &Path) -> (u32, u32, u32) {
    let found = path.metadata().unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

/// A file in a folder that everybody may write to, with this owner, group and mode; `None` if only root may make one.
fn file_of(folder: &Path, owner: u32, group: u32, mode: u32) -> Option<PathBuf> {
    fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let path = folder.join("a");
    fs::write(&path, "old").unwrap();
    if let Err(error) = chown(&path, Some(owner), Some(group)) {
        skip(
            Needs::Launcher,
            format!("only root may give a file to others: {error}"),
        );
        return None;
    }
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    Some(path)
}

#[test]
fn root_leaves_a_file_to_its_owner() {
    for mode in [0o600, 0o640, 0o444, 0o4711] {
        let folder = tempfile::tempdir().unwrap();
        let Some(path) = file_of(folder.path(), OTHER, OTHER + 1, mode) else {
            return;
        };
        let expected = (OTHER, OTHER + 1, mode);
        atomic::write(&path, b"new").unwrap();
        assert_eq!(found(&path), expected, "{mode:o}");
        let mut partial = PartialFile::open(&path).unwrap();
        partial.write_all(b"newer").unwrap();
        partial.commit().unwrap();
        assert_eq!(found(&path), expected, "{mode:o}");
        assert_eq!(fs::read(&path).unwrap(), b"newer");
    }
}

/// The part of [`a_group_that_cannot_be_kept_leaves_nothing_to_another`] in a process of its own.
#[test]
fn replaces_the_file_that_a_variable_names() {
    if let Some(path) = std::env::var_os(REPLACED) {
        atomic::write(Path::new(&path), b"new").unwrap();
        atomic::copy_new(Path::new(&path), &Path::new(&path).with_extension("copy")).unwrap();
    }
}

#[test]
fn a_group_that_cannot_be_kept_leaves_nothing_to_another() {
    for (mode, expected) in [(0o646, 0o644), (0o660, 0o600), (0o6666, 0o666)] {
        let folder = tempfile::tempdir().unwrap();
        // Its group is root's, of which the other is no member.
        let Some(path) = file_of(folder.path(), OTHER + 1, 0, mode) else {
            return;
        };
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        let name = "replaces_the_file_that_a_variable_names";
        command.args(["--exact", name]).env(REPLACED, &path);
        let Ok(output) = command.uid(OTHER).gid(OTHER).output() else {
            skip(Needs::Launcher, "others may not run the program of the tests");
            return;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(found(&path), (OTHER, OTHER, expected), "{mode:o}");
        let (_, _, copied) = found(&path.with_extension("copy"));
        assert_eq!(copied & !expected, 0, "{copied:o}");
    }
}
