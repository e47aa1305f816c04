use std::fs;

use super::*;

#[test]
fn replaces_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, b"one").unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_not_committed_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, b"one").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"tw").unwrap();
    let names = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| is_temporary(name)).count(), 1);
    drop(file);
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"two").unwrap();
    file.commit().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
}

#[test]
fn a_failed_check_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, b"one").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"two").unwrap();
    assert_eq!(std::fs::read(file.temporary_path()).unwrap(), b"two");
    drop(file); // The check failed.
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_stay_and_the_file_that_they_lead_to_is_replaced() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    std::fs::create_dir(name("deep")).unwrap();
    std::fs::write(name("deep/file"), b"old").unwrap();
    symlink("deep/link", name("a")).unwrap();
    symlink("file", name("deep/link")).unwrap();
    symlink("deep/new", name("b")).unwrap();
    for (link, file) in [("a", "deep/file"), ("b", "deep/new")] {
        write(&name(link), b"new").unwrap();
        assert!(name(link).is_symlink() && !name(file).is_symlink(), "{link}");
        assert_eq!(std::fs::read(name(file)).unwrap(), b"new");
    }
    symlink("circle", name("circle")).unwrap();
    assert!(write(&name("circle"), b"new").is_err());
    assert!(name("circle").is_symlink());
}

#[cfg(unix)]
#[test]
fn only_files_are_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    symlink("pipe", &link).unwrap();
    for path in [&pipe, &link] {
        assert_eq!(OutputKind::of(path).unwrap(), OutputKind::Stream);
        let message = write(path, b"new").unwrap_err().to_string();
        assert!(message.contains("a pipe"), "{message}");
    }
    assert!(pipe.metadata().unwrap().file_type().is_fifo() && link.is_symlink());
    let message = write(folder.path(), b"new").unwrap_err().to_string();
    assert_eq!(message, "it is a folder, expected a file");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_copy_takes_no_name_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a"), "content").unwrap();
    copy_new(&path("a"), &path("b")).unwrap();
    assert_eq!(std::fs::read_to_string(path("b")).unwrap(), "content");
    std::fs::write(path("c"), "other").unwrap();
    let error = copy_new(&path("a"), &path("c")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(path("c")).unwrap(), "other");
    assert!(copy_new(&path("gone"), &path("d")).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[cfg(unix)]
#[test]
fn permissions_stay_those_of_the_replaced_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let (path, usual) = (folder.path().join("a"), folder.path().join("usual"));
    fs::write(&usual, "").unwrap();
    write(&path, b"one").unwrap();
    assert_eq!(mode(&path), mode(&usual));
    for kept in [0o600, 0o664, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(mode(&path), kept);
        let mut partial = crate::PartialFile::open(&path).unwrap();
        partial.write_all(b"three").unwrap();
        partial.commit().unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (kept, b"three".to_vec()));
    }
}

#[test]
fn a_folder_that_cannot_be_synced_does_not_undo_the_rename() {
    for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput] {
        assert!(cannot_sync(kind));
    }
    // A disk that fails.
    assert!(!cannot_sync(io::Error::from_raw_os_error(5).kind()));
}

#[cfg(unix)]
#[test]
fn a_copy_is_as_private_as_its_source() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    fs::write(path("usual"), "").unwrap();
    for given in [0o600, 0o640, 0o444, 0o777] {
        let (from, to) = (path("from"), path(&format!("{given:o}")));
        fs::write(&from, "content").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(given)).unwrap();
        copy_new(&from, &to).unwrap();
        assert_eq!(mode(&to), given & mode(&path("usual")), "{given:o}");
        fs::remove_file(&from).unwrap();
    }
}
