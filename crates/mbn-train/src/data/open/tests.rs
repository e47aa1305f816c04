//! Folders around the classes.

use std::fs;

use super::*;
use crate::settings::Part;

/// Empty files, of which nothing but the names is read here.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    folder
}

/// The folder that is meant in place of `zip`, and its classes.
fn meant(files: &[&str]) -> Option<(PathBuf, Vec<String>)> {
    let folder = tree(files);
    let options = OpenOptions {
        hold_out: HoldOut::IfMissing(Share {
            fraction: Part::FIFTH.get(),
            seed: 0,
        }),
        ..OpenOptions::default()
    };
    let data = folder.path().join("zip");
    let splits = mbn_data::open_with(&data, &options).unwrap();
    assert_eq!(splits.class_names.len(), 1, "{files:?}");
    let (found, classes) = classes_below(&data, &splits, &options)?;
    // It is what the user gave and more of it, not a path with all links resolved.
    Some((found.strip_prefix(folder.path()).unwrap().to_owned(), classes))
}

#[test]
fn a_folder_around_the_classes_is_looked_into() {
    let found = |path: &str, classes: &[&str]| {
        Some((
            PathBuf::from(path),
            classes.iter().map(|name| (*name).to_owned()).collect(),
        ))
    };
    assert_eq!(
        meant(&[
            "zip/flowers/LICENSE.txt",
            "zip/flowers/daisy/a.jpg",
            "zip/flowers/daisy/b.jpg",
            "zip/flowers/rose/a.jpg",
            "zip/flowers/tulip/deeper/a.jpg",
        ]),
        found("zip/flowers", &["daisy", "rose", "tulip"])
    );
    let deep = ["zip/a/b/daisy/a.jpg", "zip/a/b/rose/a.jpg"];
    assert_eq!(meant(&deep), found("zip/a/b", &["daisy", "rose"]));
    let train = ["zip/train/flowers/daisy/a.jpg", "zip/train/flowers/rose/a.jpg"];
    assert_eq!(meant(&train), found("zip/train/flowers", &["daisy", "rose"]));
}

#[test]
fn a_class_is_no_folder_around_classes() {
    for files in [
        &["zip/daisy/a.jpg", "zip/daisy/b.jpg"][..],
        // Its folders have some of its images.
        &["zip/daisy/a.jpg", "zip/daisy/big/b.jpg", "zip/daisy/small/c.jpg"],
        // All of its images are in one folder.
        &["zip/daisy/big/a.jpg", "zip/daisy/big/b.jpg"],
        // The test images are elsewhere.
        &[
            "zip/train/flowers/daisy/a.jpg",
            "zip/train/flowers/rose/a.jpg",
            "zip/val/flowers/daisy/b.jpg",
            "zip/val/flowers/rose/b.jpg",
        ],
    ] {
        assert_eq!(meant(files), None, "{files:?}");
    }
}
