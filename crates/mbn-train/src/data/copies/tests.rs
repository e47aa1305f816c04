//! Which images are found to be one picture.

use std::collections::BTreeSet;
use std::fs;

use mbn_data::ImageSource;

use super::*;

/// A data set of these files, each with its content.
fn data(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Splits) {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let data = mbn_data::open(root.path()).unwrap();
    (root, data)
}

fn prints(data: &Splits) -> Prints {
    let of = |part: &dyn ImageSource| {
        let print = |index| Some((index, Print::of(part.path(index))?));
        (0..part.len()).filter_map(print).collect()
    };
    Prints {
        train: of(&*data.train),
        test: of(&*data.test),
    }
}

/// The pairs as paths below the data set: known test images, and pictures with several labels.
fn found(root: &tempfile::TempDir, data: &Splits) -> [BTreeSet<(String, String)>; 2] {
    let same = prints(data).same_pictures(data);
    let name = |image: Image| {
        let path = image.path(data).strip_prefix(root.path()).unwrap();
        path.display().to_string()
    };
    [known_test_images(&same), several_labels(&same)].map(|pairs| {
        pairs
            .into_iter()
            .map(|(one, other)| (name(one), name(other)))
            .collect()
    })
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// Longer than what is compared first: only the beginning tells it from `one`.
fn long(first: u8) -> Vec<u8> {
    let mut bytes = vec![7; 3 * END as usize];
    bytes[0] = first;
    bytes
}

#[test]
fn copies_are_told_from_files_of_one_size_and_end() {
    let (one, other) = (long(1), long(2));
    let (root, data) = data(&[
        ("train/a/1.png", &one),
        ("train/a/2.png", &one),
        ("train/b/1.png", &other),
        ("train/b/2.png", b"short"),
        ("val/a/x.png", &one),
        ("val/a/y.png", b"shorT"),
        ("val/b/z.png", b"short"),
    ]);
    let [known, labels] = found(&root, &data);
    let expected = [
        pair("val/a/x.png", "train/a/1.png"),
        pair("val/b/z.png", "train/b/2.png"),
    ];
    assert_eq!(known, BTreeSet::from(expected));
    assert_eq!(labels, BTreeSet::new());
}

#[test]
fn one_picture_in_two_classes_is_found_in_either_part_and_across() {
    let (root, data) = data(&[
        ("train/a/1.png", b"one"),
        ("train/b/1.png", b"one"),
        ("train/b/2.png", b"two"),
        ("train/b/3.png", b"two"),
        ("val/a/2.png", b"two"),
        ("val/a/3.png", b"new"),
        ("val/b/4.png", b"new"),
    ]);
    let [known, labels] = found(&root, &data);
    assert_eq!(known, BTreeSet::from([pair("val/a/2.png", "train/b/2.png")]));
    let expected = [
        pair("train/a/1.png", "train/b/1.png"),
        pair("train/b/2.png", "val/a/2.png"),
        pair("val/a/3.png", "val/b/4.png"),
    ];
    assert_eq!(labels, BTreeSet::from(expected));
}

#[cfg(unix)]
#[test]
fn links_are_one_file_and_never_read() {
    use std::os::unix::fs::symlink;
    let (root, _) = data(&[
        ("train/a/1.png", &long(1)),
        ("train/b/1.png", &long(2)),
        ("val/a/2.png", b"own"),
        ("val/b/2.png", b"other"),
    ]);
    let at = |name: &str| root.path().join(name);
    symlink(at("train/a/1.png"), at("val/a/link.png")).unwrap();
    fs::hard_link(at("train/b/1.png"), at("val/b/hard.png")).unwrap();
    // A folder of the other part.
    symlink(at("val/b"), at("train/b/more")).unwrap();
    let data = mbn_data::open(root.path()).unwrap();
    let [known, labels] = found(&root, &data);
    let expected = [
        pair("val/a/link.png", "train/a/1.png"),
        pair("val/b/2.png", "train/b/more/2.png"),
        pair("val/b/hard.png", "train/b/1.png"),
    ];
    assert_eq!(known, BTreeSet::from(expected));
    assert_eq!(labels, BTreeSet::new());
}
