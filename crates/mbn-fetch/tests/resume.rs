//! Resumes a broken download.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::fs;

use common::{Habits, assert_unpacked, folder, get, names, whole};
use mbn_fetch::FetchError;
use tempfile::TempDir;

#[test]
fn resumes_after_a_broken_connection() {
    let (dir, file) = (folder(), whole());
    let habits = Habits {
        breaks: vec![100_000, 50_000, 0],
        ..Habits::default()
    };
    let (result, requests) = get(&file, habits, dir.path());
    result.unwrap();
    assert_eq!(requests, [None, Some(100_000), Some(150_000), Some(150_000)]);
    assert_unpacked(dir.path());
}

#[test]
fn resumes_after_another_run() {
    let (dir, file) = (folder(), whole());
    let part = dir.path().join("stl10_binary.tar.gz.part");
    fs::write(&part, &file[..70_000]).unwrap();
    let (result, requests) = get(&file, Habits::default(), dir.path());
    result.unwrap();
    assert_eq!(requests, [Some(70_000)]);
    assert_unpacked(dir.path());

    // The download was complete, but not unpacked.
    let dir = folder();
    fs::write(dir.path().join("stl10_binary.tar.gz.part"), &file).unwrap();
    get(&file, Habits::default(), dir.path()).0.unwrap();
    assert_unpacked(dir.path());
}

/// If the server does not state the length, the checksum decides whether the file is complete.
#[test]
fn a_file_that_may_be_complete_is_verified_first() {
    let habits = Habits {
        tells_length: false,
        ..Habits::default()
    };
    let (dir, file) = (folder(), whole());
    let part = |dir: &TempDir| dir.path().join("stl10_binary.tar.gz.part");
    fs::write(part(&dir), &file).unwrap();
    let (result, requests) = get(&file, habits.clone(), dir.path());
    result.unwrap();
    assert_eq!(requests, [Some(file.len())]);
    assert_unpacked(dir.path());

    let dir = folder();
    fs::write(part(&dir), vec![1; file.len()]).unwrap();
    let error = get(&file, habits, dir.path()).0.unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_part_longer_than_the_file_is_discarded() {
    let (dir, file) = (folder(), whole());
    fs::write(
        dir.path().join("stl10_binary.tar.gz.part"),
        vec![1; file.len() + 5],
    )
    .unwrap();
    let (result, requests) = get(&file, Habits::default(), dir.path());
    result.unwrap();
    assert_eq!(requests, [Some(file.len() + 5), None]);
    assert_unpacked(dir.path());
}

#[test]
fn starts_over_if_the_server_knows_no_ranges() {
    let (dir, file) = (folder(), whole());
    let habits = Habits {
        ranges: false,
        breaks: vec![100_000],
        ..Habits::default()
    };
    let (result, requests) = get(&file, habits, dir.path());
    result.unwrap();
    assert_eq!(requests, [None, Some(100_000)]);
    assert_unpacked(dir.path());
}

#[test]
fn gives_up_and_keeps_the_part() {
    let (dir, file) = (folder(), whole());
    let habits = Habits {
        breaks: vec![90_000, 0, 0, 0],
        ..Habits::default()
    };
    let (result, requests) = get(&file, habits, dir.path());
    let error = result.unwrap_err();
    assert!(
        matches!(error, FetchError::Broken { done: 90_000, .. }),
        "{error}"
    );
    assert_eq!(requests.len(), 3);
    let part = dir.path().join("stl10_binary.tar.gz.part");
    assert_eq!(fs::read(part).unwrap(), &file[..90_000]);
    get(&file, Habits::default(), dir.path()).0.unwrap();
    assert_unpacked(dir.path());
}
