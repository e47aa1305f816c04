use std::error::Error;

use super::*;

/// The error with its cause, as programs print it.
fn message(path: &Path, folders: Folders) -> String {
    let error = check_output(path, folders).unwrap_err();
    format!("{error}: {}", error.source().unwrap())
}

#[test]
fn a_folder_and_a_path_below_a_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    for (name, expected) in [
        ("", "it is a folder, expected a file".to_owned()),
        (
            "file/w",
            format!("`{}` is a file, expected a folder", path("file").display()),
        ),
        (
            "file/a/b/w",
            format!("`{}` is a file, expected a folder", path("file").display()),
        ),
    ] {
        for folders in [Folders::Present, Folders::Created] {
            let found = message(&path(name), folders);
            assert_eq!(
                found,
                format!("cannot write `{}`: {expected}", path(name).display())
            );
        }
    }
}

#[test]
fn a_path_that_ends_like_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for name in ["new/", "new//", "file/", "new/.", "new/..", "file/."] {
        // `Path::join` keeps what a user typed.
        let path = folder.path().join(name);
        for folders in [Folders::Present, Folders::Created] {
            let found = message(&path, folders);
            assert!(
                found.ends_with("its end names a folder, expected the name of a file"),
                "{name}: {found}"
            );
        }
        assert!(crate::atomic::write(&path, b"new").is_err(), "{name}");
    }
    assert!(check_output_file(&folder.path().join(".hidden"), Folders::Present).is_ok());
    assert!(check_output_file(&folder.path().join("dot."), Folders::Present).is_ok());
}

#[test]
fn a_missing_folder_is_refused_unless_the_caller_creates_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["new", "a/b/new"] {
        let found = check_output_file(&path(name), Folders::Created).unwrap();
        assert_eq!(found, path(name));
    }
    assert!(check_output_file(&path("new"), Folders::Present).is_ok());
    let found = message(&path("a/b/new"), Folders::Present);
    assert!(
        found.ends_with(&format!("there is no folder `{}`", path("a/b").display())),
        "{found}"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "the check leaves nothing"
    );
}

#[test]
fn a_bare_name_is_in_the_current_folder() {
    let name = Path::new("a file that no test creates");
    assert_eq!(check_output_file(name, Folders::Present).unwrap(), name);
    assert_eq!(folder_of(name), Path::new("."));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_refused() {
    let found = message(Path::new("/proc/new"), Folders::Present);
    assert!(found.ends_with("folder `/proc` cannot be written to"), "{found}");
}

#[cfg(unix)]
#[test]
fn a_stream_is_an_output_but_not_a_file() {
    let null = Path::new("/dev/null");
    assert_eq!(check_output(null, Folders::Present).unwrap(), OutputKind::Stream);
    let error = check_output_file(null, Folders::Present).unwrap_err();
    assert!(matches!(error.problem, OutputProblem::IsStream));
}

#[cfg(unix)]
#[test]
fn links_are_followed_before_the_folder_is_checked() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    symlink("gone/file", path("link")).unwrap();
    let found = message(&path("link"), Folders::Present);
    assert!(found.contains("gone`"), "{found}");
    symlink("circle", path("circle")).unwrap();
    let found = message(&path("circle"), Folders::Present);
    assert!(found.ends_with("it leads through more than 40 links"), "{found}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_open_file_is_a_stream() {
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("a")).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
    assert_eq!(OutputKind::of(&link).unwrap(), OutputKind::Stream);
}

#[test]
fn a_folder_that_is_not_there_yet_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for name in ["", "new", "new/below"] {
        check_output_folder(&folder.path().join(name)).unwrap();
    }
    check_output_folder(Path::new("")).unwrap();
    for name in ["file", "file/below"] {
        let error = check_output_folder(&folder.path().join(name)).unwrap_err();
        assert!(matches!(error.problem, OutputProblem::NotAFolder(_)), "{error:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
