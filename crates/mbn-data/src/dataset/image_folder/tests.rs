//! Which files become images of which class. This file tests `train` with `val` or `test`.

mod clutter;
#[cfg(unix)]
mod links;
mod outputs;
mod parts;
mod unicode;

use std::fs;

use super::*;
use crate::{DataError, open};

/// A folder with these files, all empty, and with these folders, whose names end with `/`.
pub(super) fn tree(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if file.ends_with('/') {
            fs::create_dir(path).unwrap();
        } else {
            fs::write(path, "").unwrap();
        }
    }
    root
}

pub(super) fn error_of(files: &[&str]) -> DataError {
    let root = tree(files);
    let error = open(root.path()).err().expect("the data set is refused");
    let message = error.to_string();
    assert!(message.contains(root.path().to_str().unwrap()), "{message}");
    error
}

/// Path below `root` and label of each image.
pub(super) fn relative(source: &dyn ImageSource, root: &Path) -> Vec<(String, u32)> {
    let path = |i| source.path(i).strip_prefix(root).unwrap().display().to_string();
    (0..source.len()).map(|i| (path(i), source.label(i))).collect()
}

#[test]
fn classes_and_files_are_sorted() {
    let root = tree(&[
        "train/tench/b.jpg",
        "train/tench/a.JPEG",
        "train/church/z.png",
        "train/church/.hidden.png",
        "train/church/notes.txt",
        "train/church/deeper/a.webp",
        "train/.cache/x.png",
        "train/README.md",
        "val/church/1.gif",
        "val/tench/1.bmp",
        "val/tench/2.bmp",
    ]);
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.class_names, ["church", "tench"]);
    assert_eq!(splits.name, root.path().file_name().unwrap().to_str().unwrap());
    let expected = [
        ("train/church/deeper/a.webp", 0),
        ("train/church/z.png", 0),
        ("train/tench/a.JPEG", 1),
        ("train/tench/b.jpg", 1),
    ];
    assert_eq!(
        relative(&*splits.train, root.path()),
        expected.map(|(path, label)| (path.to_owned(), label))
    );
    assert_eq!(splits.test.len(), 3);
    let left_out = labelled_folder(&root.path().join("train")).unwrap().left_out;
    assert_eq!(
        left_out.to_string(),
        "2 text, 1 hidden file, 1 hidden folder (`.cache`)"
    );
}

#[test]
fn test_is_used_if_there_is_no_val() {
    let root = tree(&["train/a/1.png", "test/a/1.png", "test/a/2.png"]);
    assert_eq!(open(root.path()).unwrap().test.len(), 2);
    let root = tree(&["train/a/1.png", "test/a/1.png", "val/a/1.png", "test/a/2.png"]);
    assert_eq!(open(root.path()).unwrap().test.len(), 1);
}

#[test]
fn the_error_names_the_missing_part_and_what_is_there() {
    let error = error_of(&["training/a/1.png", "val/a/1.png"]);
    assert!(
        error.to_string().contains("has no folder `train`; it has"),
        "{error}"
    );
    assert!(matches!(error, DataError::NoDataSet { .. }), "{error}");
    assert!(error.to_string().contains("it has `training`, `val`"), "{error}");
    let error = error_of(&["train/a/1.png"]);
    assert!(
        error
            .to_string()
            .contains("has no folder `val` or `test`; it has"),
        "{error}"
    );
    assert!(matches!(error, DataError::NoDataSet { .. }), "{error}");
    let error = error_of(&["1.png"]);
    assert!(error.to_string().contains("it has no folders"), "{error}");
    assert!(!error.to_string().contains("archive"), "{error}");
}

#[test]
fn an_archive_has_to_be_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("d.tar.GZ");
    std::fs::write(&archive, "data").unwrap();
    let message = |path: &Path| match open(path) {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    let found = message(&archive);
    assert!(
        found.contains("is an archive, expected a folder; unpack it"),
        "{found}"
    );
    let found = message(folder.path());
    assert!(
        found.contains("it has no folders, but the archive `d.tar.GZ`: unpack it"),
        "{found}"
    );
}

#[test]
fn test_images_of_unknown_classes_are_refused() {
    let error = error_of(&["train/a/1.png", "val/a/1.png", "val/b/1.png"]);
    let message = error.to_string();
    assert!(
        message.contains("different classes; only in the second: `b`; each class needs"),
        "{message}"
    );
    let error = error_of(&["train/a/1.png", "train/c/1.png", "val/b/1.png", "val/a/1.png"]);
    let message = error.to_string();
    assert!(
        message.contains("only in the first: `c`; only in the second: `b`; each class needs"),
        "{message}"
    );
    // Written otherwise, it may be meant for one of the others.
    let message = error_of(&["train/golf_ball/1.png", "train/b/1.png", "val/Golf Ball/1.png"]).to_string();
    assert!(
        message.contains("only in the second: `Golf Ball` (did you mean `golf_ball`?); each class needs"),
        "{message}"
    );
}

#[test]
fn classes_must_have_images() {
    let error = error_of(&["train/a/1.png", "train/b/notes.txt", "val/a/1.png", "val/b/1.png"]);
    assert!(
        matches!(error, DataError::Folder(FolderError::NoImages { .. })),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("BMP, GIF, TIFF or PNM), only 1 text; add some"),
        "{error}"
    );
    let error = error_of(&["train/a/1.png", "val/a/"]);
    assert!(
        matches!(error, DataError::Folder(FolderError::NoImages { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("BMP, GIF, TIFF or PNM); add some"),
        "{error}"
    );
    let error = error_of(&["train/1.png", "val/a/1.png"]);
    assert!(
        matches!(error, DataError::Folder(FolderError::NoClasses { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("1 image outside class folders"),
        "{error}"
    );
}

#[test]
fn a_path_that_is_not_a_folder_is_refused() {
    let root = tree(&["file"]);
    let file = open(&root.path().join("file")).err().unwrap();
    assert!(
        matches!(file, DataError::Folder(FolderError::NotAFolder { .. })),
        "{file}"
    );
    let missing = open(&root.path().join("missing")).err().unwrap();
    assert!(
        matches!(missing, DataError::Folder(FolderError::Io { .. })),
        "{missing}"
    );
}

#[test]
fn a_file_named_like_a_part_is_refused() {
    for name in ["val", "test", "Valid", "train"] {
        let part = if name == "train" { "val" } else { "train" };
        let (a, b) = (format!("{part}/a/1.png"), format!("{part}/b/1.png"));
        let error = error_of(&[&a, &b, name]);
        assert!(
            matches!(&error, DataError::Folder(FolderError::PartIsFile { path }) if path.ends_with(name)),
            "{error}"
        );
    }
    // Test images are in `val`.
    open(tree(&["train/a/1.png", "val/a/1.png", "test"]).path()).unwrap();
}

#[test]
fn the_error_names_the_image_that_cannot_be_read() {
    let root = tree(&["a/1.png"]);
    let folder = labelled_folder(root.path()).unwrap();
    assert!(folder.load(0).unwrap_err().path.ends_with("a/1.png"));
}
