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

/// The matches below `root`; `!` marks errors.
fn found(root: &Path, pattern: &str) -> Vec<String> {
    let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let glob = Glob::new(&root.join(pattern)).unwrap().unwrap();
    let matches = glob.matches();
    let show = |found: &Result<PathBuf, (PathBuf, io::Error)>| match found {
        Ok(path) => relative(path),
        Err((path, _)) => format!("!{}", relative(path)),
    };
    matches.paths.iter().map(show).collect()
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
fn a_path_without_wildcards_is_not_a_pattern() {
    assert!(Glob::new(Path::new("a/b.png")).unwrap().is_none());
    for pattern in ["[a", "a**", "***"] {
        assert!(Glob::new(Path::new(pattern)).is_err(), "{pattern}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_match_too() {
    use std::os::unix::ffi::OsStrExt;
    let root = tree(&["a.png"]);
    let name = std::ffi::OsStr::from_bytes(b"n\xe9.png");
    fs::write(root.path().join(name), "").unwrap();
    let glob = Glob::new(&root.path().join("*.png")).unwrap().unwrap();
    let paths: Vec<_> = glob.matches().paths.into_iter().map(Result::unwrap).collect();
    assert_eq!(paths, [root.path().join("a.png"), root.path().join(name)]);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_in_loops() {
    use std::os::unix::fs::symlink;
    let root = tree(&["a/1.png", "b/2.png"]);
    symlink("../b", root.path().join("a/to")).unwrap();
    symlink("../a", root.path().join("b/to")).unwrap();
    let found = found(root.path(), "**/*.png");
    assert_eq!(found, ["a/1.png", "a/to/2.png", "b/2.png", "b/to/1.png"]);
}

/// Nested folders whose path is longer than the system accepts: not even root can read the last one.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_read_does_not_hide_the_rest() {
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
