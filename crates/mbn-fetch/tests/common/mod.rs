//! An archive of our own, a server for it, and the folder that it is unpacked into.

mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mbn_fetch::{Archive, FetchError, fetch};
use md5::{Digest, Md5};
pub use server::{Habits, Server};
use tempfile::TempDir;

pub const FILES: [&str; 6] = [
    "train_X.bin",
    "train_y.bin",
    "test_X.bin",
    "test_y.bin",
    "class_names.txt",
    "fold_indices.txt",
];

/// The content of a file: bytes that do not compress.
pub fn content(name: &str) -> Vec<u8> {
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

/// Adds a member under exactly this name, even one that a well-behaved writer would refuse.
pub fn add(builder: &mut tar::Builder<GzEncoder<Vec<u8>>>, name: &str, kind: tar::EntryType, data: &[u8]) {
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

/// The archive with all files except `without`, and the members that `more` adds.
pub fn archive_with(without: &str, more: impl FnOnce(&mut tar::Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
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

pub fn whole() -> Vec<u8> {
    archive_with("", |_| {})
}

pub fn described(server: &Server, file: &[u8]) -> Archive {
    let mut archive = quick(&server.url);
    archive.md5 = Md5::digest(file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    archive
}

/// STL-10's archive at another address, without pauses.
pub fn quick(url: &str) -> Archive {
    let mut archive = Archive::stl10();
    url.clone_into(&mut archive.url);
    archive.attempts = 3;
    archive.pause = Duration::ZERO;
    archive
}

/// Downloads `file` from a server with these habits into a folder. Returns the ranges requested as well.
pub fn get(file: &[u8], habits: Habits, parent: &Path) -> (Result<(), FetchError>, Vec<Option<usize>>) {
    let server = Server::start(file.to_vec(), habits);
    let archive = described(&server, file);
    let result = fetch(&archive, parent, &mut |_| ControlFlow::Continue(()));
    let requests = server.requests.lock().unwrap().clone();
    (
        result.map(|path| assert_eq!(path, parent.join("stl10_binary"))),
        requests,
    )
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Asserts that the folder holds the data set and nothing else.
pub fn assert_unpacked(parent: &Path) {
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

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
