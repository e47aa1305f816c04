use std::io::Write;

use tempfile::NamedTempFile;

use super::*;
use crate::AtomicFolder;
use crate::atomic::{AtomicFile, PREFIX, SUFFIX};
use crate::folder::tests::abandon;

#[cfg(unix)]
#[test]
fn only_what_nobody_writes_any_more_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = AtomicFile::create(&folder.path().join("a")).unwrap();
    file.write_all(b"one").unwrap();
    let abandoned = folder.path().join(format!("{PREFIX}x{SUFFIX}"));
    for path in [&abandoned, &folder.path().join("other.tmp")] {
        fs::write(path, "").unwrap();
    }
    remove_abandoned(folder.path()).unwrap();
    assert!(!abandoned.exists() && folder.path().join("other.tmp").exists());
    file.commit().unwrap();
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"one");
    assert!(remove_abandoned(&folder.path().join("gone")).is_err());
}

#[test]
fn without_a_lock_only_old_files_are_removed() {
    let (fresh, old) = (Some(Duration::from_secs(60)), Some(2 * ABANDONED_AFTER));
    // As NFS answers, and file systems without locks.
    for kind in [io::ErrorKind::Unsupported, io::ErrorKind::Other] {
        let unknown = Err(TryLockError::Error(kind.into()));
        let removed = [fresh, old, None].map(|age| is_abandoned(&unknown, age));
        assert_eq!(removed, [false, true, false]);
    }
    assert!(!is_abandoned(&Err(TryLockError::WouldBlock), old));
    assert!(is_abandoned(&Ok(()), fresh));
}

/// Another process may look at a new file before this one has locked it.
#[cfg(unix)]
#[test]
fn a_new_file_that_another_process_removes_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let new = || tempfile::Builder::new().tempfile_in(folder.path()).unwrap();
    let is_claimed = |file: &NamedTempFile| is_claimed(file.as_file(), file.path());
    assert!(is_claimed(&new()));
    let file = new();
    let other = File::options().write(true).open(file.path()).unwrap();
    other.try_lock().unwrap();
    assert!(!is_claimed(&file));
    fs::remove_file(file.path()).unwrap();
    drop(other);
    assert!(!is_claimed(&file));
}

/// Sets the time of a file, a folder or a link to two days ago.
#[cfg(unix)]
fn make_old(path: &Path) {
    let mut touch = std::process::Command::new("touch");
    let made = touch.args(["-h", "-d", "2 days ago"]).arg(path).status().unwrap();
    assert!(made.success());
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_filled_stays_and_an_abandoned_one_goes() {
    let root = tempfile::tempdir().unwrap();
    let left = abandon(&root.path().join("a"));
    let living = AtomicFolder::create(&root.path().join("b")).unwrap();
    let left_too = abandon(&root.path().join("c"));
    let of_living = living.temporary_path().parent().unwrap();
    for path in [living.temporary_path(), &of_living.join(MARKER), of_living] {
        make_old(path);
    }
    remove_abandoned(root.path()).unwrap();
    assert!(!left.exists() && !left_too.exists() && living.temporary_path().exists());
    living.commit().unwrap();
    let names: Vec<_> = fs::read_dir(root.path()).unwrap().flatten().collect();
    assert!(names.len() == 1 && names[0].file_name() == "b");
}

#[cfg(unix)]
#[test]
fn folders_of_others_stay() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let path = root.path().join(format!("{PREFIX}{name}{SUFFIX}"));
        fs::create_dir(&path).unwrap();
        path
    };
    // Without a marker, or with one that is none, and old enough.
    let unmarked = folder("unmarked");
    fs::write(unmarked.join("file"), "text").unwrap();
    let (with_folder, with_link) = (folder("folder"), folder("link"));
    fs::create_dir(with_folder.join(MARKER)).unwrap();
    fs::create_dir(with_link.join(CONTENT)).unwrap();
    std::os::unix::fs::symlink(unmarked.join("file"), with_link.join(MARKER)).unwrap();
    // With a marker, but another name.
    let named = root.path().join("mbn-named.tmp");
    fs::create_dir(&named).unwrap();
    fs::write(named.join(MARKER), "").unwrap();
    let mut stay = vec![unmarked.join("file"), with_folder.join(MARKER)];
    stay.extend([
        with_link.join(CONTENT),
        with_link.join(MARKER),
        named.join(MARKER),
    ]);
    for path in stay
        .iter()
        .rev()
        .chain([&unmarked, &with_folder, &with_link, &named])
    {
        make_old(path);
    }
    // Somebody put a file into an abandoned one.
    let mixed = abandon(&root.path().join("a"));
    fs::write(mixed.join("mine"), "text").unwrap();
    stay.push(mixed.join("mine"));
    remove_abandoned(root.path()).unwrap();
    for path in stay {
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
    }
}

/// A process is killed before it has marked its folder, or is about to mark it.
#[cfg(unix)]
#[test]
fn an_empty_folder_goes_after_a_day() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| root.path().join(format!("{PREFIX}{name}{SUFFIX}"));
    for name in ["old", "new"] {
        fs::create_dir(folder(name)).unwrap();
    }
    make_old(&folder("old"));
    remove_abandoned(root.path()).unwrap();
    assert!(!folder("old").exists() && folder("new").exists());
}

/// Links have no locks.
#[cfg(unix)]
#[test]
fn a_link_goes_after_a_day_and_what_it_leads_to_stays() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(format!("{PREFIX}{name}{SUFFIX}"));
    let target = abandon(&tempfile::tempdir_in(root.path()).unwrap().keep().join("a"));
    for name in ["old", "new"] {
        std::os::unix::fs::symlink(&target, path(name)).unwrap();
    }
    make_old(&path("old"));
    remove_abandoned(root.path()).unwrap();
    assert!(!path("old").is_symlink() && path("new").is_symlink());
    assert!(target.join(MARKER).exists() && target.join(CONTENT).join("file").exists());
}

/// Where files have no locks, a folder is as old as the newest thing in it.
#[cfg(unix)]
#[test]
fn a_folder_is_as_old_as_what_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    let deep = root.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "text").unwrap();
    for path in [deep.join("file"), deep.clone(), root.path().join("a")] {
        make_old(&path);
    }
    let is_old = || is_abandoned(&no_lock(), age(&root.path().join("a")));
    assert!(is_old());
    fs::write(deep.join("file"), "more").unwrap();
    assert!(!is_old());
    assert_eq!(age(&root.path().join("gone")), None);
}
