//! Two processes that want the same data set.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use common::{Habits, Server, assert_unpacked, described, folder, names, whole};
use mbn_fetch::{FetchError, Progress, Step, fetch};

const LOCK: &str = "stl10_binary.tar.gz.lock";

/// The second begins in the middle of the first one's download. Threads with files of their own have locks of their own.
#[test]
fn the_second_waits_for_the_first_and_downloads_nothing() {
    let (dir, file) = (folder(), whole());
    let server = Server::start(file.clone(), Habits::default());
    let archive = described(&server, &file);
    let (mut told, waited) = (Vec::new(), std::sync::Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let mut second = None;
        let mut watch = |progress: Progress| {
            told.push(progress);
            if progress.done > 0 && second.is_none() {
                second = Some(scope.spawn(|| {
                    fetch(&archive, dir.path(), &mut |progress| {
                        waited.lock().unwrap().push(progress);
                        ControlFlow::Continue(())
                    })
                }));
                // It has the time to do harm.
                thread::sleep(Duration::from_millis(500));
            }
            ControlFlow::Continue(())
        };
        fetch(&archive, dir.path(), &mut watch).unwrap();
        second.unwrap().join().unwrap().unwrap();
    });
    assert!(told.iter().any(|progress| progress.step == Step::Unpack));
    let waited = waited.into_inner().unwrap();
    assert!(!waited.is_empty() && waited.iter().all(|progress| progress.done == 0));
    assert_eq!(*server.requests.lock().unwrap(), [None]);
    assert_unpacked(dir.path());
}

#[test]
fn a_wait_can_be_stopped() {
    let (dir, file) = (folder(), whole());
    let server = Server::start(file.clone(), Habits::default());
    let archive = described(&server, &file);
    let other = File::create(dir.path().join(LOCK)).unwrap();
    other.lock().unwrap();
    let start = Instant::now();
    let mut stop = |_| match start.elapsed() > Duration::from_millis(300) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let error = fetch(&archive, dir.path(), &mut stop).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted), "{error}");
    assert!(server.requests.lock().unwrap().is_empty());
    assert_eq!(names(dir.path()), [LOCK]);
    // What a killed process leaves holds nobody up.
    drop(other);
    fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_unpacked(dir.path());
}

/// As where there are no locks, and another process is done a moment earlier.
#[cfg(unix)]
#[test]
fn an_archive_that_somebody_removes_after_it_was_unpacked_is_not_missed() {
    let (dir, file) = (folder(), whole());
    let server = Server::start(file.clone(), Habits::default());
    let archive = described(&server, &file);
    let part = dir.path().join("stl10_binary.tar.gz.part");
    let mut remove = |progress: Progress| {
        if progress.step == Step::Unpack && part.exists() {
            fs::remove_file(&part).unwrap();
        }
        ControlFlow::Continue(())
    };
    fetch(&archive, dir.path(), &mut remove).unwrap();
    assert_unpacked(dir.path());
}

/// A process is killed while it unpacks.
#[cfg(unix)]
#[test]
fn what_a_killed_process_unpacked_is_removed() {
    let (dir, file) = (folder(), whole());
    let made = mbn_files::AtomicFolder::create(&dir.path().join("stl10_binary")).unwrap();
    fs::write(made.temporary_path().join("train_X.bin"), "half").unwrap();
    let left = made.temporary_path().parent().unwrap().to_owned();
    let copy = dir.path().join(".mbn-killed.tmp");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&left).unwrap() {
        let from = entry.unwrap();
        match from.file_type().unwrap().is_dir() {
            true => fs::create_dir(copy.join(from.file_name())).unwrap(),
            // Nobody holds a lock on the copy.
            false => drop(fs::copy(from.path(), copy.join(from.file_name())).unwrap()),
        }
    }
    drop(made);
    common::get(&file, Habits::default(), dir.path()).0.unwrap();
    assert_unpacked(dir.path());
}
