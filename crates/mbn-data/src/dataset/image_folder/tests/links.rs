//! Links: to elsewhere, to folders above, to other classes, and in circles.

use std::os::unix::fs::symlink;

use super::*;

fn link(root: &tempfile::TempDir, target: &str, link: &str) {
    symlink(target, root.path().join(link)).unwrap();
}

#[test]
fn links_are_followed_and_broken_ones_reported() {
    let root = tree(&["elsewhere/1.png", "train/a/1.png", "val/a/1.png", "val/b/1.png"]);
    symlink(root.path().join("elsewhere"), root.path().join("train/b")).unwrap();
    assert_eq!(open(root.path()).unwrap().train.len(), 2);
    // A picture that cannot be read, which the check of all pictures finds.
    symlink(root.path().join("nowhere.png"), root.path().join("train/a/2.png")).unwrap();
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.train.len(), 3);
    assert!(splits.train.check(1).unwrap_err().path.ends_with("train/a/2.png"));
    // Names of files that are no pictures.
    for name in [
        "train/a/labels.txt",
        "train/notes.md",
        "train/.hidden",
        "train/photo.png",
    ] {
        link(&root, "nowhere", name);
    }
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.train.len(), 3);
    assert_eq!(
        splits.left_out.to_string(),
        "2 text, 1 image outside class folders, 1 hidden file"
    );
}

/// A disk that is not mounted must not take classes or test images away unseen.
#[test]
fn a_broken_link_that_may_be_a_folder_is_an_error() {
    for name in [
        "train/c",
        "val/a",
        "train/a/more",
        "train/v1.0",
        "val",
        "train",
        "c",
    ] {
        let root = tree(match name {
            "train" => &["val/a/1.png", "val/b/1.png"],
            "val" | "val/a" => &["train/a/1.png", "train/b/1.png", "val/b/1.png"][..],
            "c" => &["a/1.png", "b/1.png"],
            _ => &["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"],
        });
        if name == "val" {
            fs::remove_dir_all(root.path().join(name)).unwrap();
        }
        link(&root, "/gone/away", name);
        let error = open(root.path()).err().unwrap();
        assert!(
            matches!(&error, DataError::Folder(FolderError::BrokenLink { path, .. }) if path.ends_with(name)),
            "{name}: {error}"
        );
        assert!(error.to_string().contains("is a link to `/gone/away`"), "{error}");
    }
    // Whoever goes on without what cannot be read gets the link in place of the class's pictures.
    let root = tree(&["a/1.png"]);
    link(&root, "gone", "b");
    let folders = class_folders(root.path()).unwrap();
    let paths = |class| {
        folders
            .collect(class)
            .pictures
            .into_iter()
            .map(|found| found.is_ok_and(|picture| picture.exists()))
    };
    assert_eq!(folders.classes.len(), 2);
    assert_eq!(
        (paths(0).collect::<Vec<_>>(), paths(1).collect::<Vec<_>>()),
        (vec![true], vec![false])
    );
    // No part of the data set.
    let root = tree(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"]);
    link(&root, "gone", "backup");
    link(&root, "gone", "test");
    assert_eq!(open(root.path()).unwrap().class_names, ["a", "b"]);
}

/// Each would give the images of other classes this class's label, or never end.
#[test]
fn a_link_to_a_folder_above_is_not_followed() {
    for target in ["..", ".", "../..", "../../..", "/", "../../train/a"] {
        let root = tree(&[
            "train/a/1.png",
            "train/a/deep/2.png",
            "train/b/1.png",
            "val/a/1.png",
            "val/b/1.png",
        ]);
        link(&root, target, "train/a/up");
        let splits = open(root.path()).unwrap();
        let expected = [
            ("train/a/1.png", 0),
            ("train/a/deep/2.png", 0),
            ("train/b/1.png", 1),
        ];
        let expected = expected.map(|(path, label)| (path.to_owned(), label));
        assert_eq!(relative(&*splits.train, root.path()), expected, "{target}");
        assert_eq!(
            splits.left_out.to_string(),
            "1 link to a folder above it (`a/up`)",
            "{target}"
        );
        assert!(splits.left_out.may_be_missed());
    }
}

/// The folder above is one of the link that led there.
#[test]
fn a_link_back_through_another_link_is_not_followed() {
    let root = tree(&[
        "store/1.png",
        "train/a/1.png",
        "train/b/1.png",
        "val/a/1.png",
        "val/b/1.png",
    ]);
    link(&root, "../../store", "train/a/more");
    link(&root, "../train", "store/back");
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.train.len(), 3);
    assert_eq!(
        splits.left_out.to_string(),
        "1 link to a folder above it (`more/back`)"
    );
}

#[test]
fn a_link_to_another_class_is_not_followed() {
    let root = tree(&[
        "train/a/1.png",
        "train/b/1.png",
        "train/b/deep/1.png",
        "val/a/1.png",
        "val/b/1.png",
    ]);
    link(&root, "../b", "train/a/b");
    link(&root, "../b/deep", "train/a/deep");
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.train.len(), 3);
    assert_eq!(
        splits.left_out.to_string(),
        "2 links to other classes' folders (`a/b`, `a/deep`)"
    );
    // Links between the parts are followed; the training warns of pictures that both have.
    let root = tree(&["train/a/1.png", "train/b/1.png"]);
    link(&root, "train", "val");
    assert_eq!(open(root.path()).unwrap().test.len(), 2);
}

#[test]
fn a_class_folder_that_is_a_link_above_is_no_class() {
    let root = tree(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"]);
    link(&root, "..", "train/up");
    link(&root, ".", "val/self");
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.class_names, ["a", "b"]);
    assert_eq!((splits.train.len(), splits.test.len()), (2, 2));
    assert_eq!(
        splits.left_out.to_string(),
        "2 links to folders above them (`train/up`, `val/self`)"
    );
}

#[test]
fn two_classes_of_one_folder_are_refused() {
    for (target, name) in [("a", "z"), ("a/deep", "z")] {
        let root = tree(&["train/a/1.png", "train/a/deep/1.png", "val/a/1.png"]);
        link(&root, target, &format!("train/{name}"));
        let error = open(root.path()).err().unwrap();
        assert!(
            matches!(error, DataError::Folder(FolderError::SharedFolder { .. })),
            "{error}"
        );
        let message = error.to_string();
        assert!(message.contains("`a` and `z`"), "{message}");
    }
}
