//! Walks over a folder of all kinds.

use std::fs;

use super::*;

fn names(found: &Found, root: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
    found
        .images
        .iter()
        .map(|image| name(image.as_ref().unwrap()))
        .collect()
}

#[test]
fn the_folder_itself_may_have_any_name() {
    let root = tempfile::tempdir().unwrap();
    for name in [".hidden", "@eaDir"] {
        let folder = root.path().join(name);
        fs::create_dir_all(folder.join("@eaDir")).unwrap();
        for file in ["1.png", "@eaDir/2.png"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let found = images_below(&folder, &nothing_is_foreign);
        assert_eq!(names(&found, &folder), ["1.png"], "{name}");
        assert_eq!(found.left_out.to_string(), "1 system folder (`@eaDir`)");
    }
}

/// Folders that link to each other, and a folder that is a link itself.
#[cfg(unix)]
#[test]
fn a_walk_ends() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for folder in ["a", "b", "c"] {
        fs::create_dir(root.join(folder)).unwrap();
        fs::write(root.join(folder).join("1.png"), "").unwrap();
        for other in ["a", "b", "c"] {
            symlink(root.join(other), root.join(folder).join(format!("to_{other}"))).unwrap();
        }
    }
    let found = images_below(root, &nothing_is_foreign);
    // Each folder, and the two others in both orders: 3 x (1 + 2 x (1 + 1)).
    assert_eq!(found.images.len(), 15);
    symlink(root.join("a"), root.join("start")).unwrap();
    let found = images_below(&root.join("start"), &nothing_is_foreign);
    assert_eq!(found.images.len(), 5);
}

#[cfg(unix)]
#[test]
fn broken_links_are_errors_unless_they_would_be_left_out() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    for name in ["1.png", ".hidden.png", "@eaDir", "Thumbs.db"] {
        symlink("gone", root.path().join(name)).unwrap();
    }
    let found = images_below(root.path(), &nothing_is_foreign);
    let (path, _) = found.images[0].as_ref().unwrap_err();
    assert!(
        path.ends_with("1.png") && found.images.len() == 1,
        "{}",
        path.display()
    );
    assert_eq!(found.left_out.count(), 3);
}

/// Without an extension, only the first bytes tell a picture from something else.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_the_machine_cannot_read_is_not_left_out() {
    let kind = |name: &str, code| kind_by(Path::new(name), true, |_| Err(io::Error::from_raw_os_error(code)));
    let (stale, denied) = (116, 13);
    for name in ["picture", "picture.heic", "picture.unknown"] {
        assert_eq!(
            kind(name, stale).unwrap_err().raw_os_error(),
            Some(stale),
            "{name}"
        );
        assert!(kind(name, denied).unwrap().is_some(), "{name}");
    }
    // Their names suffice.
    assert!(kind("a.jpg", stale).unwrap().is_none());
    assert!(kind("labels.txt", stale).unwrap().is_some());
}
