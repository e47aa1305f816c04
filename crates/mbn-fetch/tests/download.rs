//! Downloads and verifies an archive from a server that answers as it should, or refuses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::error::Error;
use std::ops::ControlFlow;

use common::{Habits, Server, assert_unpacked, described, folder, get, names, quick, whole};
use mbn_fetch::{FetchError, Progress, Step, fetch};

#[test]
fn downloads_verifies_unpacks_and_reports_its_progress() {
    let (dir, file) = (folder(), whole());
    let parent = dir.path().join("made/on/the/way");
    let server = Server::start(file.clone(), Habits::default());
    let archive = described(&server, &file);
    let mut told: Vec<Progress> = Vec::new();
    let mut watch = |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    };
    fetch(&archive, &parent, &mut watch).unwrap();
    assert_unpacked(&parent);
    for step in [Step::Download, Step::Verify, Step::Unpack] {
        let of_step: Vec<&Progress> = told.iter().filter(|progress| progress.step == step).collect();
        assert!(of_step.is_sorted_by_key(|progress| progress.done));
        assert!(
            of_step
                .iter()
                .all(|progress| progress.total == Some(file.len() as u64)
                    || (progress.done, progress.total) == (0, None))
        );
        assert_eq!(of_step.last().unwrap().done, file.len() as u64, "{step:?}");
    }
    // A complete folder is not downloaded again.
    fetch(&archive, &parent, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[test]
fn a_wrong_checksum_is_refused_before_anything_is_unpacked() {
    let (dir, file) = (folder(), whole());
    let server = Server::start(file, Habits::default());
    let archive = described(&server, b"another file");
    let error = fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap_err();
    let FetchError::Checksum { found, expected, .. } = &error else {
        panic!("{error}");
    };
    assert!(found != expected && *expected == archive.md5);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_file_larger_than_any_archive_is_refused() {
    let (dir, file) = (folder(), whole());
    let server = Server::start(file.clone(), Habits::default());
    let mut archive = described(&server, &file);
    archive.max_bytes = file.len() as u64 - 1;
    let get = |part: &[u8]| {
        std::fs::write(dir.path().join("stl10_binary.tar.gz.part"), part).unwrap();
        let error = fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { found: Some(found), .. } if found == file.len() as u64),
            "{error}"
        );
        assert!(names(dir.path()).is_empty());
    };
    get(&[]);
    get(&file[..70_000]);
    assert_eq!(*server.requests.lock().unwrap(), [None, Some(70_000)]);
}

#[test]
fn refusals_and_dead_addresses_are_reported() {
    let dir = folder();
    for status in [404, 403] {
        let habits = Habits {
            status: Some(status),
            ..Habits::default()
        };
        let (result, requests) = get(&whole(), habits, dir.path());
        let error = result.unwrap_err();
        assert!(
            matches!(error, FetchError::Status { status: s, .. } if s == status),
            "{error}"
        );
        assert_eq!(requests.len(), 1);
    }
    // A server error may pass.
    let habits = Habits {
        status: Some(503),
        ..Habits::default()
    };
    let (result, requests) = get(&whole(), habits, dir.path());
    assert!(matches!(result, Err(FetchError::Broken { .. })));
    assert_eq!(requests.len(), 3);

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [format!("http://{closed}/x"), "no address".to_owned()] {
        let archive = quick(&url);
        let error = fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(
            error.to_string().contains(&archive.url) && error.source().is_some(),
            "{error}"
        );
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    for (redirects, requests) in [(3, 4), (10, 11), (11, 11)] {
        let dir = folder();
        let habits = Habits {
            redirects,
            ..Habits::default()
        };
        let (result, seen) = get(&whole(), habits, dir.path());
        assert_eq!(seen.len(), requests);
        match redirects < requests {
            true => assert_unpacked(dir.path()),
            false => assert!(matches!(result, Err(FetchError::Status { status: 302, .. }))),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let dir = folder();
    let part = dir.path().join("stl10_binary.tar.gz.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = get(&whole(), Habits::default(), dir.path()).0.unwrap_err();
    assert!(matches!(error, FetchError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
}
