//! Getting an archive from a server of our own, well-behaved and otherwise.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server;

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use mbn_fetch::{Archive, FetchError, Progress, Step, fetch};
use md5::{Digest, Md5};
use server::{Habits, Server};
use tempfile::TempDir;

const FILES: [&str; 6] = [
    "train_X.bin",
    "train_y.bin",
    "test_X.bin",
    "test_y.bin",
    "class_names.txt",
    "fold_indices.txt",
];

/// What a file holds: bytes that do not compress.
fn content(name: &str) -> Vec<u8> {
    let mut state = name
        .bytes()
        .fold(1u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte))
        | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..50_000).map(|_| next()).collect()
}

/// A member with this name as it is, which a well-behaved writer would refuse.
fn add(builder: &mut tar::Builder<GzEncoder<Vec<u8>>>, name: &str, kind: tar::EntryType, data: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, data).unwrap();
}

/// The archive with all files but `without`, and what `more` adds.
fn archive_with(without: &str, more: impl FnOnce(&mut tar::Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    add(&mut builder, "stl10_binary/", tar::EntryType::Directory, &[]);
    for name in FILES
        .into_iter()
        .chain(["unlabeled_X.bin"])
        .filter(|name| *name != without)
    {
        let path = format!("stl10_binary/{name}");
        add(&mut builder, &path, tar::EntryType::Regular, &content(name));
    }
    more(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

fn whole() -> Vec<u8> {
    archive_with("", |_| {})
}

fn described(server: &Server, file: &[u8]) -> Archive {
    let mut archive = quick(&server.url);
    archive.md5 = Md5::digest(file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    archive
}

/// STL-10's archive at another address, without pauses.
fn quick(url: &str) -> Archive {
    let mut archive = Archive::stl10();
    url.clone_into(&mut archive.url);
    archive.attempts = 3;
    archive.pause = Duration::ZERO;
    archive
}

/// Gets `file` from a server with these habits into a folder.
fn get(file: &[u8], habits: Habits, parent: &Path) -> (Result<(), FetchError>, Vec<Option<usize>>) {
    let server = Server::start(file.to_vec(), habits);
    let archive = described(&server, file);
    let result = fetch(&archive, parent, &mut |_| ControlFlow::Continue(()));
    let requests = server.requests.lock().unwrap().clone();
    (
        result.map(|path| assert_eq!(path, parent.join("stl10_binary"))),
        requests,
    )
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The data set is there, and nothing else.
fn assert_unpacked(parent: &Path) {
    assert_eq!(names(parent), ["stl10_binary"]);
    let mut expected = FILES.to_vec();
    expected.sort_unstable();
    assert_eq!(names(&parent.join("stl10_binary")), expected);
    for name in FILES {
        assert_eq!(
            fs::read(parent.join("stl10_binary").join(name)).unwrap(),
            content(name)
        );
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn gets_verifies_and_unpacks_telling_how_far_it_is() {
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
    // What is there is not got again.
    fetch(&archive, &parent, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[test]
fn goes_on_where_the_connection_broke() {
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
fn goes_on_where_another_run_broke_off() {
    let (dir, file) = (folder(), whole());
    let part = dir.path().join("stl10_binary.tar.gz.part");
    fs::write(&part, &file[..70_000]).unwrap();
    let (result, requests) = get(&file, Habits::default(), dir.path());
    result.unwrap();
    assert_eq!(requests, [Some(70_000)]);
    assert_unpacked(dir.path());

    // All of it came, but it was not unpacked.
    let dir = folder();
    fs::write(dir.path().join("stl10_binary.tar.gz.part"), &file).unwrap();
    get(&file, Habits::default(), dir.path()).0.unwrap();
    assert_unpacked(dir.path());
}

/// Where the server does not say how long the file is, the sum tells whether all of it is there.
#[test]
fn what_may_be_all_of_the_file_is_verified_before_it_is_thrown_away() {
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
fn what_is_longer_than_the_file_is_thrown_away() {
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
fn starts_anew_where_the_server_knows_no_ranges() {
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
fn gives_up_and_keeps_what_came() {
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

#[test]
fn a_wrong_sum_is_refused_before_anything_is_unpacked() {
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
fn refusals_and_dead_addresses_are_said() {
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
    // A server's own trouble may pass.
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
fn what_would_get_out_is_refused() {
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
fn other_files_are_left_out() {
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
fn an_archive_without_a_file_or_its_end_is_refused() {
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
fn a_folder_with_a_part_of_the_files_is_left_alone() {
    let dir = folder();
    fs::create_dir(dir.path().join("stl10_binary")).unwrap();
    fs::write(dir.path().join("stl10_binary/train_X.bin"), "mine").unwrap();
    let (result, requests) = get(&whole(), Habits::default(), dir.path());
    let error = result.unwrap_err();
    assert!(error.to_string().contains("no `train_y.bin`"), "{error}");
    assert!(requests.is_empty());
    assert_eq!(names(&dir.path().join("stl10_binary")), ["train_X.bin"]);
}

#[test]
fn stops_at_any_step_when_told_to_and_goes_on() {
    let file = whole();
    for step in [Step::Download, Step::Verify, Step::Unpack] {
        let dir = folder();
        let server = Server::start(file.clone(), Habits::default());
        let archive = described(&server, &file);
        let mut stop = |progress: Progress| match progress.step == step && progress.done > 0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let error = fetch(&archive, dir.path(), &mut stop).unwrap_err();
        assert!(matches!(error, FetchError::Interrupted), "{step:?}: {error}");
        assert_eq!(names(dir.path()), ["stl10_binary.tar.gz.part"]);
        fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap();
        assert_unpacked(dir.path());
    }
}

/// Between two attempts, and while a server lets it wait, as while bytes come.
#[test]
fn stops_while_nothing_comes() {
    const SOON: Duration = Duration::from_secs(10);
    for habits in [
        Habits {
            breaks: vec![0; 9],
            ..Habits::default()
        },
        Habits {
            silent: true,
            ..Habits::default()
        },
    ] {
        let dir = folder();
        let server = Server::start(whole(), habits);
        let mut archive = described(&server, &whole());
        archive.pause = Duration::from_secs(3600);
        let start = Instant::now();
        // Asked to stop once the server was asked for the file.
        let mut stop = |_| match start.elapsed() > Duration::from_millis(300) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let error = fetch(&archive, dir.path(), &mut stop).unwrap_err();
        assert!(matches!(error, FetchError::Interrupted), "{error}");
        assert!(start.elapsed() < SOON);
        assert_eq!(server.requests.lock().unwrap().len(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let dir = folder();
    let part = dir.path().join("stl10_binary.tar.gz.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = get(&whole(), Habits::default(), dir.path()).0.unwrap_err();
    assert!(matches!(error, FetchError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
}
