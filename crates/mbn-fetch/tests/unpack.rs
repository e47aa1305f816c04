//! Unpacks archives, and refuses those with dangerous or missing members.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{Habits, add, archive_with, assert_unpacked, folder, get, names, whole};
use mbn_fetch::FetchError;

#[test]
fn dangerous_members_are_refused() {
    use tar::EntryType::{Char, Link, Regular, Symlink};
    for (name, kind) in [
        ("/mbn-fetch-evil", Regular),
        ("../evil", Regular),
        ("stl10_binary/../../evil", Regular),
        ("stl10_binary/fold", Symlink),
        ("stl10_binary/train_X.bin", Link),
        ("stl10_binary/null", Char),
        // A second one could replace the first.
        ("stl10_binary/train_y.bin", Regular),
        ("./stl10_binary/train_y.bin", Regular),
    ] {
        let dir = folder();
        let parent = dir.path().join("inner");
        let file = archive_with("", |builder| add(builder, name, kind, b""));
        let error = get(&file, Habits::default(), &parent).0.unwrap_err();
        assert!(matches!(error, FetchError::Dangerous { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(names(dir.path()), ["inner"]);
        assert_eq!(names(&parent), ["stl10_binary.tar.gz.part"]);
        assert!(!Path::new("/mbn-fetch-evil").exists());
    }
}

#[test]
fn unlisted_files_are_skipped() {
    let dir = folder();
    let file = archive_with("", |builder| {
        add(builder, "stl10_binary/README", tar::EntryType::Regular, b"hello");
        add(
            builder,
            "elsewhere/train_X.bin",
            tar::EntryType::Regular,
            b"hello",
        );
    });
    get(&file, Habits::default(), dir.path()).0.unwrap();
    assert_unpacked(dir.path());
}

#[test]
fn an_incomplete_archive_is_refused() {
    let dir = folder();
    let file = archive_with("test_y.bin", |_| {});
    let error = get(&file, Habits::default(), dir.path()).0.unwrap_err();
    assert!(error.to_string().contains("`stl10_binary/test_y.bin`"), "{error}");

    let dir = folder();
    let file = whole();
    let error = get(&file[..file.len() / 2], Habits::default(), dir.path())
        .0
        .unwrap_err();
    assert!(matches!(error, FetchError::Malformed { .. }), "{error}");
    assert_eq!(names(dir.path()), ["stl10_binary.tar.gz.part"]);
}

#[test]
fn an_incomplete_folder_is_left_alone() {
    let dir = folder();
    fs::create_dir(dir.path().join("stl10_binary")).unwrap();
    fs::write(dir.path().join("stl10_binary/train_X.bin"), "mine").unwrap();
    let (result, requests) = get(&whole(), Habits::default(), dir.path());
    let error = result.unwrap_err();
    assert!(error.to_string().contains("no `train_y.bin`"), "{error}");
    assert!(requests.is_empty());
    assert_eq!(names(&dir.path().join("stl10_binary")), ["train_X.bin"]);
}
