use std::error::Error;
use std::fs;

use mbn_testing::reference_path;
use tempfile::TempDir;

use super::*;
use crate::{DataError, FolderError, open, open_fold};

/// A data set of two classes: four training images in two folds, two test images.
fn small() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let pictures = |n: u8| -> Vec<u8> { (0..n).flat_map(|i| vec![i; PICTURE]).collect() };
    write("train_X.bin", &pictures(4));
    write("train_y.bin", &[1, 2, 1, 2]);
    write("test_X.bin", &pictures(2));
    write("test_y.bin", &[2, 1]);
    write("class_names.txt", b"cat\nsea lion\n");
    write("fold_indices.txt", b"0 1 \n3 2\n");
    dir
}

/// The message, with its causes, of opening the small data set after a file was changed or removed.
fn message(name: &str, bytes: Option<&[u8]>, fold: Option<usize>) -> String {
    let dir = small();
    let path = dir.path().join(name);
    match bytes {
        Some(bytes) => fs::write(&path, bytes).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let error = match open_fold(dir.path(), fold) {
        Ok(_) => panic!("opened despite {name}"),
        Err(error) => error,
    };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    assert!(text.contains(name), "{text}");
    text
}

#[test]
fn the_reference_files_give_the_reference_pictures() {
    let dir = reference_path("stl10_binary");
    let data = open(&dir).unwrap();
    assert_eq!(data.name, "stl10_binary");
    assert_eq!(data.class_names, ["disc", "triangle", "grid"]);
    assert_eq!((data.train.len(), data.test.len()), (6, 3));
    for (part, source) in [("train", &data.train), ("test", &data.test)] {
        assert_eq!(source.class_names(), data.class_names);
        for index in 0..source.len() {
            let label = source.label(index) + 1;
            let png = dir.join(format!("png/{part}_{index:03}_label{label}.png"));
            let expected = crate::decode_file(&png).unwrap();
            assert_eq!(*source.load(index).unwrap(), expected, "{}", png.display());
        }
    }
    let all = open(&dir).unwrap().train;
    let fold = open_fold(&dir, Some(1)).unwrap();
    assert_eq!((fold.train.len(), fold.test.len()), (3, 3));
    for index in 0..3 {
        assert_eq!(fold.train.label(index), all.label(3 + index));
        assert_eq!(*fold.train.load(index).unwrap(), *all.load(3 + index).unwrap());
    }
}

#[test]
fn is_recognised_in_its_folder_and_one_above() {
    let dir = small();
    let parent = tempfile::tempdir().unwrap();
    fs::rename(dir.path(), parent.path().join("stl10_binary")).unwrap();
    fs::write(parent.path().join("stl10_binary.tar.gz"), "").unwrap();
    let data = open(parent.path()).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (4, 2));
    assert_eq!(data.class_names, ["cat", "sea lion"]);
    let names = parent.path().join("stl10_binary/class_names.txt");
    fs::write(names, "\u{feff}cat\nsea lion\n").unwrap();
    assert_eq!(open(parent.path()).unwrap().class_names, data.class_names);
    let empty = tempfile::tempdir().unwrap();
    let error = open(empty.path()).err().unwrap();
    assert!(error.to_string().contains("STL-10's binary files"), "{error}");
}

/// The names of parts may be in any case, as they may without those files.
#[test]
fn an_image_folder_beside_it_is_taken() {
    for (train, val) in [("train", "val"), ("Train", "Val"), ("TRAIN", "valid")] {
        let dir = small();
        let parent = tempfile::tempdir().unwrap();
        fs::rename(dir.path(), parent.path().join("stl10_binary")).unwrap();
        for part in [train, val] {
            let class = parent.path().join(part).join("cow");
            fs::create_dir_all(&class).unwrap();
            fs::write(class.join("1.png"), "").unwrap();
        }
        assert_eq!(open(parent.path()).unwrap().class_names, ["cow"], "{train}");
    }
}

#[test]
fn folds_are_lines_of_indices() {
    let dir = small();
    let fold = open_fold(dir.path(), Some(1)).unwrap().train;
    assert_eq!((fold.label(0), fold.label(1)), (1, 0));
    assert_eq!(fold.load(0).unwrap().get_pixel(0, 0).0, [3; 3]);
    assert_eq!(fold.load(1).unwrap().get_pixel(95, 95).0, [2; 3]);
    fs::remove_file(dir.path().join("fold_indices.txt")).unwrap();
    assert_eq!(open(dir.path()).unwrap().train.len(), 4);
}

#[test]
fn an_image_folder_has_no_folds() {
    let dir = tempfile::tempdir().unwrap();
    for part in ["train", "val"] {
        fs::create_dir_all(dir.path().join(part).join("cat")).unwrap();
        fs::write(dir.path().join(part).join("cat/a.png"), "").unwrap();
    }
    let error = open_fold(dir.path(), Some(0)).err().unwrap();
    assert!(
        matches!(error, DataError::Folder(FolderError::NoFolds { .. })),
        "{error}"
    );
}

#[test]
fn sizes_must_agree() {
    let text = message("train_X.bin", Some(&[0; 3 * PICTURE]), None);
    assert!(
        text.contains("has 82944 bytes") && text.contains("4 labels"),
        "{text}"
    );
    assert!(text.contains("expected 110592 bytes"), "{text}");
    let text = message("test_X.bin", Some(&[0; 2 * PICTURE - 1]), None);
    assert!(text.contains("55295") && text.contains("test_y.bin"), "{text}");
    let dir = small();
    fs::write(dir.path().join("test_X.bin"), "").unwrap();
    fs::write(dir.path().join("test_y.bin"), "").unwrap();
    assert!(open(dir.path()).is_err());
}

/// A file with a hole takes no room on a disk, but all of it in memory.
#[cfg(unix)]
#[test]
fn files_that_are_too_large_are_not_read() {
    let large = |name: &str, fold: Option<usize>| {
        let dir = small();
        let file = fs::OpenOptions::new().write(true).open(dir.path().join(name));
        file.unwrap().set_len(1 << 40).unwrap();
        let error = open_fold(dir.path(), fold).err().unwrap();
        error.source().unwrap().to_string()
    };
    let text = large("train_y.bin", None);
    assert!(
        text.starts_with("it has 110592 bytes, but the 1099511627776 labels in `"),
        "{text}"
    );
    assert!(text.contains("expected 30399297484750848 bytes"), "{text}");
    for (name, fold) in [("class_names.txt", None), ("fold_indices.txt", Some(0))] {
        let text = large(name, fold);
        assert!(
            text.starts_with("it has 1099511627776 bytes or more, expected at most 67108864"),
            "{text}"
        );
    }
    let lines = "a\n".repeat(1 << 20);
    let text = message("class_names.txt", Some(lines.as_bytes()), None);
    assert!(text.contains("1048576 class names, expected 2 to 255"), "{text}");
}

#[test]
fn labels_must_match_the_names() {
    for (label, bytes) in [("0", [1, 2, 0, 2]), ("3", [1, 2, 3, 2])] {
        let text = message("train_y.bin", Some(&bytes), None);
        assert!(
            text.contains(&format!("label 2 (from 0) is {label}, expected 1 to 2")),
            "{text}"
        );
    }
    let text = message("test_y.bin", Some(&[1, 1]), None);
    assert!(text.contains("no image has label 2"), "{text}");
}

#[test]
fn class_names_must_be_one_per_line() {
    for (bytes, expected) in [
        (&b"cat\n\ndog\n"[..], "line 2 is empty"),
        (b"cat\ncat\n", "line 2 repeats `cat` of line 1"),
        (b"", "0 class names"),
        (b"cat\n", "1 class names"),
        (b"cat\n\xff\n", "not UTF-8"),
    ] {
        let text = message("class_names.txt", Some(bytes), None);
        assert!(text.contains(expected), "{text}");
    }
    // One name too many, one too few.
    let dir = small();
    fs::write(dir.path().join("class_names.txt"), "cat\ndog\ncow\n").unwrap();
    let error = open(dir.path()).err().unwrap();
    let reason = error.source().unwrap().to_string();
    assert!(
        reason.contains("has 3 names") && reason.contains("label 3"),
        "{reason}"
    );
}

#[test]
fn folds_must_exist_and_hold_indices() {
    for (bytes, fold, expected) in [
        (&b"0 1\n2 3\n"[..], 2, "no fold 2: it has 2 folds, 0 to 1"),
        (b"", 0, "no fold 0: it has 0 folds"),
        (b"0 1\n2 4\n", 1, "fold 1 (line 2) names image 4"),
        (b"0 -1\n", 0, "fold 0 (line 1) has `-1`"),
        (b"0 1.5\n", 0, "has `1.5`"),
        (b"\n0 1\n", 0, "is empty"),
    ] {
        let text = message("fold_indices.txt", Some(bytes), Some(fold));
        assert!(text.contains(expected), "{text}");
    }
    assert!(message("fold_indices.txt", None, Some(0)).contains("missing"));
}

#[test]
fn files_must_exist() {
    for name in [
        "train_X.bin",
        "train_y.bin",
        "test_X.bin",
        "test_y.bin",
        "class_names.txt",
    ] {
        assert!(message(name, None, None).contains("missing"));
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let dir = small();
    let data = open(dir.path()).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(dir.path().join("train_X.bin"));
    file.unwrap().set_len(PICTURE as u64).unwrap();
    assert!(data.train.load(0).is_ok());
    let error = data.train.load(3).unwrap_err();
    assert!(error.to_string().contains("train_X.bin"), "{error}");
}
