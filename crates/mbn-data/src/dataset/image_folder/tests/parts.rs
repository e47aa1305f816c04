//! Names of the parts of a data set, and data sets without test images.

use super::*;
use crate::FolderWarning;
use crate::{HoldOut, OpenOptions, Share, open_with};

const SHARE: Share = Share {
    fraction: 0.25,
    seed: 3,
};

fn with(root: &tempfile::TempDir, hold_out: HoldOut) -> Result<Splits, DataError> {
    let options = OpenOptions {
        hold_out,
        ..OpenOptions::default()
    };
    open_with(root.path(), &options)
}

#[test]
fn other_tools_names_for_val_are_taken() {
    for (train, val) in [
        ("train", "valid"),
        ("train", "validation"),
        ("train", "dev"),
        ("Train", "Val"),
        ("TRAIN", "Validation"),
        ("train", "Test"),
    ] {
        let files = [
            format!("{train}/a/1.png"),
            format!("{val}/a/1.png"),
            format!("{val}/a/2.png"),
        ];
        let root = tree(&files.each_ref().map(String::as_str));
        let splits = open(root.path()).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (1, 2), "{train} {val}");
        assert_eq!(splits.held_out, None);
    }
    // `test` stays for later.
    let root = tree(&["train/a/1.png", "valid/a/1.png", "valid/a/2.png", "test/a/1.png"]);
    assert_eq!(open(root.path()).unwrap().test.len(), 2);
}

#[test]
fn two_folders_of_one_part_are_refused() {
    for (files, names) in [
        (
            ["train/a/1.png", "val/a/1.png", "valid/a/1.png"],
            ["`val`", "`valid`"],
        ),
        (
            ["train/a/1.png", "dev/a/1.png", "validation/a/1.png"],
            ["`dev`", "`validation`"],
        ),
        (
            ["train/a/1.png", "Train/a/1.png", "val/a/1.png"],
            ["`Train`", "`train`"],
        ),
    ] {
        let error = error_of(&files);
        assert!(
            matches!(error, DataError::Folder(FolderError::TwoParts { .. })),
            "{error}"
        );
        for name in names {
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[test]
fn a_class_may_lack_test_images() {
    for files in [
        &[
            "train/a/1.png",
            "train/b/1.png",
            "train/c/1.png",
            "val/a/1.png",
            "val/c/1.png",
        ][..],
        &[
            "train/a/1.png",
            "train/b/1.png",
            "train/c/1.png",
            "val/a/1.png",
            "val/b/",
            "val/c/1.png",
        ],
    ] {
        let root = tree(files);
        let splits = open(root.path()).unwrap();
        assert_eq!(splits.class_names, ["a", "b", "c"]);
        assert_eq!(splits.test.class_names(), ["a", "b", "c"]);
        let labels: Vec<_> = (0..splits.test.len()).map(|i| splits.test.label(i)).collect();
        assert_eq!(labels, [0, 2]);
    }
}

/// Eight images of `a`, four of `b`, two of `c`, one of `d`.
fn classes(prefix: &str) -> Vec<String> {
    let count = [("a", 8), ("b", 4), ("c", 2), ("d", 1)];
    let files = count
        .into_iter()
        .flat_map(|(class, n)| (0..n).map(move |i| (class, i)));
    files
        .map(|(class, i)| format!("{prefix}{class}/{i}.png"))
        .collect()
}

fn tree_of(files: &[String]) -> tempfile::TempDir {
    tree(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

fn per_class(source: &dyn ImageSource) -> Vec<usize> {
    let count = |class| (0..source.len()).filter(|&i| source.label(i) == class).count();
    (0..source.class_names().len() as u32).map(count).collect()
}

/// The same images, whether or not they lie in `train`.
#[test]
fn images_are_held_out_class_by_class() {
    let mut found = Vec::new();
    for prefix in ["train/", ""] {
        let root = tree_of(&classes(prefix));
        assert!(
            matches!(open(root.path()), Err(DataError::NoDataSet { .. })),
            "{prefix}"
        );
        for hold_out in [HoldOut::IfMissing(SHARE), HoldOut::Always(SHARE)] {
            let splits = with(&root, hold_out).unwrap();
            assert_eq!(splits.held_out, Some(SHARE));
            assert_eq!(splits.class_names, ["a", "b", "c", "d"]);
            assert_eq!(per_class(&*splits.train), [6, 3, 1, 1], "{prefix}");
            assert_eq!(per_class(&*splits.test), [2, 1, 1, 0], "{prefix}");
            let folder = root.path().join(prefix);
            let (train, test) = (
                relative(&*splits.train, &folder),
                relative(&*splits.test, &folder),
            );
            assert!(train.iter().all(|item| !test.contains(item)));
            found.push((train, test, splits.fingerprint));
        }
    }
    assert!(found.iter().all(|split| *split == found[0]));
}

#[test]
fn a_data_set_with_test_images_keeps_them() {
    let root = tree(&["train/a/1.png", "train/a/2.png", "dev/a/1.png"]);
    let splits = with(&root, HoldOut::IfMissing(SHARE)).unwrap();
    assert_eq!(
        (splits.train.len(), splits.test.len(), splits.held_out),
        (2, 1, None)
    );
    let error = with(&root, HoldOut::Always(SHARE)).err().unwrap();
    assert!(
        matches!(error, DataError::Folder(FolderError::OwnTestImages { .. })),
        "{error}"
    );
    let stl10 = mbn_testing::reference_path("stl10_binary");
    let options = OpenOptions {
        hold_out: HoldOut::Always(SHARE),
        ..OpenOptions::default()
    };
    let error = open_with(&stl10, &options).err().unwrap();
    assert!(matches!(error, DataError::OwnTestImages { .. }), "{error}");
}

/// Names of parts are not taken for classes, nor data sets.
#[test]
fn what_might_be_a_part_is_not_a_class() {
    for (files, message) in [
        (
            &["training/a/1.png", "testing/a/1.png"][..],
            "has no folder `train`",
        ),
        (
            &["train/1.png", "test/1.png", "more/1.png"],
            "outside class folders",
        ),
        (&["test/1.png", "good/1.png"], "has no folder `train`"),
        (
            &["birds/train/a/1.png", "birds/val/a/1.png", "cats/1.png"],
            "birds` has training and test",
        ),
        (
            &["src/a.txt", "docs/b.txt"],
            "has no folder `train`; it has `docs`, `src`",
        ),
        (&["a/1.png", "b/1.txt"], "/b` has no images"),
        (&["a/1.png", "b/"], "/b` has no images"),
    ] {
        let root = tree_of(&files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>());
        let error = with(&root, HoldOut::IfMissing(SHARE))
            .err()
            .expect("it is refused")
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    // A file beside classes.
    let root = tree(&["a/1.png", "a/2.png", "b/1.png", "b/2.png", "val"]);
    assert_eq!(
        with(&root, HoldOut::IfMissing(SHARE)).unwrap().class_names,
        ["a", "b"]
    );
    // A class of vehicles.
    let root = tree(&["bus/1.png", "car/1.png", "train/1.png"]);
    let splits = with(&root, HoldOut::IfMissing(SHARE)).unwrap();
    assert_eq!(splits.class_names, ["bus", "car", "train"]);
}

/// Whether test images are held out or there are some: nobody should find out later that a folder was not used.
#[test]
fn images_beside_the_parts_are_reported() {
    let files = [
        "train/a/1.png",
        "train/a/2.png",
        "train/b/1.png",
        "train/b/2.png",
        "Holdout/a/1.png",
        "eval/a/1.png",
    ];
    let found = |more: &[&str]| {
        let root = tree(&[&files[..], more].concat());
        with(&root, HoldOut::IfMissing(SHARE)).unwrap().left_out
    };
    let left_out = found(&[]);
    let parts = "2 folders of images that are not used (`Holdout`, `eval`)";
    assert_eq!(left_out.to_string(), parts);
    assert!(left_out.may_be_missed());
    assert_eq!(found(&["val/a/1.png"]).to_string(), parts);
    // A class that was put beside the others' folders; a folder without images.
    for val in [&[][..], &["val/a/1.png"]] {
        let left_out = found(&[val, &["c/deep/1.png", "notes/1.txt"]].concat());
        assert_eq!(
            left_out.to_string(),
            "3 folders of images that are not used (`Holdout`, `c`, `eval`)"
        );
    }
    // Test images that stay for later are nothing to worry about.
    let root = tree(&["train/a/1.png", "val/a/1.png", "test/a/1.png"]);
    let left_out = open(root.path()).unwrap().left_out;
    assert_eq!(
        left_out.to_string(),
        "1 folder of test images beside those to validate on (`test`)"
    );
    assert!(!left_out.may_be_missed());
}

#[test]
fn the_fingerprint_covers_names_but_not_the_place() {
    let fingerprint = |files: &[&str]| open(tree(files).path()).unwrap().fingerprint;
    let first = fingerprint(&["train/a/1.png", "train/a/2.png", "val/a/1.png"]);
    assert_eq!(
        first,
        fingerprint(&["train/a/2.png", "train/a/1.png", "valid/a/1.png"])
    );
    for other in [
        ["train/a/1.png", "train/a/3.png", "val/a/1.png"],
        ["train/a/1.png", "train/a/2.png", "val/a/2.png"],
        ["train/b/1.png", "train/b/2.png", "val/b/1.png"],
    ] {
        assert_ne!(first, fingerprint(&other), "{other:?}");
    }
}

/// Cameras and scripts number the files of every data set alike.
#[test]
fn test_images_are_told_apart_by_the_sizes_of_their_files() {
    let files = ["train/a/1.png", "val/a/1.png"];
    let (one, other) = (tree(&files), tree(&files));
    let fingerprint = |root: &tempfile::TempDir| open(root.path()).unwrap().test_fingerprint();
    fs::write(other.path().join("train/a/1.png"), "another image").unwrap();
    assert_eq!(fingerprint(&one), fingerprint(&other));
    fs::write(other.path().join("val/a/1.png"), "another image").unwrap();
    assert_ne!(fingerprint(&one), fingerprint(&other));
}

/// Kaggle's layout: the labels of the test images are secret. Some archives have an empty folder.
#[test]
fn test_images_without_classes_are_no_test_set() {
    let train = ["train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png"];
    for (more, folders) in [
        (&["test/1.png", "test/2.png"][..], &["test"][..]),
        (&["val/"], &["val"]),
        (&["val/notes.txt", "Test/1.png"], &["val", "Test"]),
    ] {
        let root = tree(&[&train[..], more].concat());
        for hold_out in [HoldOut::IfMissing(SHARE), HoldOut::Always(SHARE)] {
            let splits = with(&root, hold_out).unwrap();
            assert_eq!(splits.held_out, Some(SHARE));
            assert_eq!((splits.train.len(), splits.test.len()), (2, 2));
            let named = splits.warnings.iter().map(|warning| match warning {
                FolderWarning::Unlabelled { path, .. } => name_of(path),
                other => panic!("{other}"),
            });
            assert_eq!(named.collect::<Vec<_>>(), folders);
            // Said once.
            assert!(splits.left_out.is_empty(), "{}", splits.left_out);
        }
        let error = open(root.path()).err().unwrap();
        assert!(
            matches!(&error, DataError::Folder(FolderError::NoClasses { path, .. }) if path.ends_with(folders[0])),
            "{error}"
        );
    }
    // An empty `val` beside test images.
    let root = tree(&[&train[..], &["val/", "test/a/1.png"]].concat());
    let splits = open(root.path()).unwrap();
    assert_eq!((splits.train.len(), splits.test.len()), (4, 1));
    let message = splits.warnings[0].to_string();
    assert!(
        message.ends_with("/val` is not tested on: it has no class folders; it has no images either"),
        "{message}"
    );
}

#[test]
fn one_folder_of_unknown_images_is_an_error_that_leads_out() {
    let root = tree(&["train/a/1.png", "train/b/1.png", "test/unlabeled/1.png"]);
    let error = with(&root, HoldOut::IfMissing(SHARE)).err().unwrap().to_string();
    let test = root.path().join("test");
    let way = format!(
        "images in `{}` are not known, move it out of the data set, and a part of the others is held out",
        test.display()
    );
    assert!(
        error.contains("only in the second: `unlabeled`") && error.contains(&way),
        "{error}"
    );
}

#[test]
fn one_part_of_a_data_set_is_a_warning() {
    let files = [
        "photos/train/a/1.png",
        "photos/train/a/2.png",
        "photos/val/a/1.png",
        "photos/val/a/2.png",
    ];
    let root = tree(&files);
    for (part, other) in [("train", "val"), ("val", "train")] {
        let dir = root.path().join("photos").join(part);
        let options = OpenOptions {
            hold_out: HoldOut::IfMissing(SHARE),
            ..OpenOptions::default()
        };
        let splits = open_with(&dir, &options).unwrap();
        let whole = root.path().join("photos");
        let expected = FolderWarning::OnePart {
            path: dir,
            other: whole.join(other),
            whole,
        };
        assert_eq!(splits.warnings, [expected]);
    }
    let message = |files: &[&str], dir: &str| {
        let root = tree(files);
        let options = OpenOptions {
            hold_out: HoldOut::IfMissing(SHARE),
            ..OpenOptions::default()
        };
        open_with(&root.path().join(dir), &options).unwrap().warnings
    };
    // The whole, and folders that have nothing to do with each other.
    assert_eq!(message(&files, "photos"), []);
    assert_eq!(
        message(&["train/a/1.png", "train/a/2.png", "val/b/1.png"], "train"),
        []
    );
    assert_eq!(
        message(&["sets/a/1.png", "sets/a/2.png", "val/a/1.png"], "sets"),
        []
    );
}
