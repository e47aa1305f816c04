//! `--download` from a local server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use predicates::prelude::*;
use predicates::str::contains;

/// Bytes of an image: 3 x 96 x 96.
const PICTURE: usize = 27_648;

/// An archive of two classes, dark and bright, with four training and two test images.
fn archive() -> Vec<u8> {
    let pictures = |n: usize| -> Vec<u8> {
        let shade = |i: usize| if i.is_multiple_of(2) { 20 } else { 220 };
        (0..n).flat_map(|i| vec![shade(i); PICTURE]).collect()
    };
    let files: [(&str, Vec<u8>); 5] = [
        ("train_X.bin", pictures(4)),
        ("train_y.bin", vec![1, 2, 1, 2]),
        ("test_X.bin", pictures(2)),
        ("test_y.bin", vec![1, 2]),
        ("class_names.txt", b"dark\nbright\n".to_vec()),
    ];
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, format!("stl10_binary/{name}"), content.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn md5(content: &[u8]) -> String {
    Md5::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Answers every request with `content` until the process ends.
fn serve(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/stl10_binary.tar.gz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for line in BufReader::new(&stream).lines() {
                if line.unwrap().is_empty() {
                    break;
                }
            }
            let len = content.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &content].concat()).unwrap();
        }
    });
    url
}

fn train(folder: &Path, args: &[&str]) -> Assert {
    let settings = "--alpha 0.25 --size 32 --epochs 1 --batch-size 4 --no-publish --device cpu --out run";
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"));
    command
        .current_dir(folder)
        .args(settings.split(' '))
        .args(args)
        .assert()
}

#[test]
fn the_data_set_is_downloaded_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, path) = (archive(), folder.path());
    let (url, sum) = (serve(archive.clone()), md5(&archive));
    let download = ["--download", "--download-url", &url, "--download-md5", &sum];
    train(path, &download)
        .success()
        .stderr(contains("STL-10 is in `data/stl10_binary`").and(contains("4 training and 2 test images")));
    let left = std::fs::read_dir(path.join("data")).unwrap().count();
    assert_eq!(left, 1, "the archive stays beside the data set");
    // The data set is there already, so that the address is not used.
    let gone = [
        "--download",
        "--download-url",
        "http://127.0.0.1:9/gone.tar.gz",
        "--out",
        "again",
    ];
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"));
    let settings = "--alpha 0.25 --size 32 --epochs 1 --batch-size 4 --no-publish --device cpu";
    command
        .current_dir(path)
        .args(settings.split(' '))
        .args(gone)
        .assert()
        .success();
}

/// Nothing is downloaded if the folder of `--data` holds the data set, or if the run would be refused.
#[test]
fn nothing_is_downloaded_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, path) = (archive(), folder.path());
    let (url, sum) = (serve(archive.clone()), md5(&archive));
    train(
        path,
        &["--download", "--download-url", &url, "--download-md5", &sum],
    )
    .success();
    std::fs::rename(path.join("data/stl10_binary"), path.join("mine")).unwrap();
    let gone = "http://127.0.0.1:9/gone.tar.gz";
    let download = ["--download", "--download-url", gone];
    train(path, &[&download[..], &["--data", "mine"]].concat())
        .code(1)
        .stderr(contains("run folder `run` already holds a run"));
    std::fs::rename(path.join("run"), path.join("before")).unwrap();
    train(path, &[&download[..], &["--data", "mine"]].concat())
        .success()
        .stderr(contains("STL-10 is in `mine`"));
    std::fs::rename(path.join("run"), path.join("again")).unwrap();
    std::fs::create_dir_all(path.join("photos/train/cat")).unwrap();
    for (wrong, code, message) in [
        (["--warmup", "3"], 2, "`--warmup 3`"),
        (["--batch-size", "1"], 1, "batch norm needs at least 3"),
        (["--data", "photos"], 1, "`photos/train` holds other images"),
        (["--init", "no.safetensors"], 1, "`no.safetensors`"),
        (["--publish", "mine"], 1, "`--publish mine`"),
    ] {
        let settings = "--alpha 0.25 --size 32 --epochs 1 --device cpu --out run";
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"));
        command.current_dir(path).args(settings.split(' ')).args(download);
        command
            .args(wrong)
            .assert()
            .code(code)
            .stderr(contains(message).and(contains("downloading").not()));
    }
}

#[test]
fn an_archive_of_another_sum_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = serve(archive());
    let assert = train(
        folder.path(),
        &["--data", "sets", "--download", "--download-url", &url],
    );
    assert
        .code(1)
        .stderr(contains("91f7769df0f17e558f3565bffb0c7dfb").and(contains(md5(&archive()))));
    assert!(!folder.path().join("sets/stl10_binary").exists());
    assert!(!folder.path().join("run").exists());
}

#[test]
fn an_address_without_the_download_contradicts_itself() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), &["--download-url", "http://127.0.0.1:9/a.tar.gz"])
        .code(2)
        .stderr(contains("--download"));
}
